"""A visible table of named things that explains unknown and duplicate names."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from cost_models.errors import InputError

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Names of one kind of thing, in the order in which they were listed.

    >>> methods = Registry("pruning method", {"magnitude": 1, "admm": 2})
    >>> methods["admn"]
    Traceback (most recent call last):
    ...
    cost_models.errors.InputError: unknown pruning method 'admn'; did you mean 'admm'? known: admm, magnitude
    """

    def __init__(self, kind: str, entries: Mapping[str, T] | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, T] = dict(entries or {})

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise InputError(unknown_name(self.kind, name, self._entries)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def add(self, name: str, entry: T) -> None:
        """Add one entry; a name that is already taken is refused with :class:`InputError`."""
        if name in self._entries:
            raise InputError(f"the {self.kind} {name!r} exists already; choose another name")
        self._entries[name] = entry


def unknown_name(kind: str, name: str, known: Mapping[str, object] | list[str] | tuple[str, ...]) -> str:
    """One sentence for a name that is not among ``known``, with the nearest spelling.

    >>> unknown_name("layer", "conv9", ["conv1", "fc"])
    "unknown layer 'conv9'; did you mean 'conv1'? known: conv1, fc"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    guess = f" did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r};{guess} known: {', '.join(names) or 'none'}"
