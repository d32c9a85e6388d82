"""Reads the tables of a hardware profile and refuses, key by key, what does not belong there."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cost_models.errors import InputError
from cost_models.quantities import parse_quantity
from cost_models.registry import unknown_name


@dataclass(frozen=True, slots=True)
class Constant:
    """One figure of a profile as written: dotted key, value, unit and where it comes from."""

    key: str
    value: object
    unit: str
    source: str


class TableReader:
    """One TOML table; remembers which keys were asked for, so that the others can be refused by name."""

    def __init__(self, data: Mapping[str, Any], where: str, prefix: str = "", root: TableReader | None = None) -> None:
        self._data, self._where, self._prefix = data, where, prefix
        self._known: list[str] = []
        self._children: list[TableReader] = []
        self.constants: list[Constant] = root.constants if root else []

    def _key(self, key: str) -> str:
        return f"{self._where}: {self._prefix}{key}"

    def _get(self, key: str) -> object:
        self._known.append(key)
        return self._data.get(key)

    def text(self, key: str) -> str:
        """A required text."""
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{self._key(key)} is {value!r}; it needs a text")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], *, default: str | None = None) -> str:
        """One of a few words."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        if value not in allowed:
            raise InputError(f"{self._key(key)} is {value!r}; it must be one of {', '.join(allowed)}")
        return str(value)

    def table(self, key: str) -> TableReader:
        """A table within this one; an absent one is empty."""
        value = self._get(key)
        if value is not None and not isinstance(value, Mapping):
            raise InputError(f"{self._key(key)} is {value!r}; it must be a table")
        child = TableReader(value or {}, self._where, f"{self._prefix}{key}.", self)
        self._children.append(child)
        return child

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        self._known.append(key)
        return key in self._data

    def _entry(self, key: str, fields: tuple[str, ...]) -> Mapping[str, Any] | None:
        entry = self._get(key)
        if entry is None:
            return None
        shape = "{ " + ", ".join(f"{field} = ..." for field in fields) + " }"
        if not isinstance(entry, Mapping):
            raise InputError(f"{self._key(key)} is {entry!r}; write {shape}, every figure needs its source")
        for field in entry:
            if field not in fields:
                raise InputError(f"{self._key(key)}: " + unknown_name("key", field, fields))
        for field in fields:
            if field not in entry:
                raise InputError(f"{self._key(key)} has no {field}; write {shape}")
        source = entry["source"]
        if not isinstance(source, str) or not source.strip():
            raise InputError(f"{self._key(key)}.source is {source!r}; say where the figure comes from")
        self.constants.append(Constant(self._prefix + key, entry["value"], str(entry.get("unit", "")), source))
        return entry

    def number(
        self,
        key: str,
        dimension: str,
        *,
        default: float | None = None,
        above: float | None = None,
        at_most: float | None = None,
    ) -> float:
        """A figure ``{ value, unit, source }`` in SI units; negative ones are refused always."""
        entry = self._entry(key, ("value", "unit", "source"))
        if entry is None:
            if default is None:
                raise InputError(f"{self._key(key)} is missing; write {{ value = ..., unit = ..., source = ... }}")
            return default
        value, unit = entry["value"], entry["unit"]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{self._key(key)}.value is {value!r}; it must be a number")
        try:
            number = parse_quantity(f"{value!r} {unit}", dimension)
        except InputError as problem:
            raise InputError(f"{self._key(key)}: {problem}") from None
        if number < 0 or (above is not None and number <= above):
            raise InputError(
                f"{self._key(key)} is {value} {unit}; it must be {'above' if above is not None else 'at least'} 0"
            )
        if at_most is not None and number > at_most:
            raise InputError(f"{self._key(key)} is {value} {unit}; it must be at most {at_most:g}")
        return number

    def truth(self, key: str) -> bool:
        """A required ``{ value = true or false, source }``."""
        entry = self._entry(key, ("value", "source"))
        if entry is None or not isinstance(entry["value"], bool):
            raise InputError(f"{self._key(key)} is missing; write {{ value = true or false, source = ... }}")
        return bool(entry["value"])

    def names(self, key: str) -> tuple[str, ...]:
        """An optional list of words ``{ value = ["...", ...], source }``; empty where it is left out."""
        entry = self._entry(key, ("value", "source"))
        if entry is None:
            return ()
        value = entry["value"]
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            raise InputError(f"{self._key(key)}.value is {value!r}; it is a list of at least one name")
        return tuple(value)

    def points(self, key: str) -> tuple[tuple[float, float], ...]:
        """An optional measured curve ``{ value = [[pruning_ratio, speedup], ...], source }``, rising in both."""
        entry = self._entry(key, ("value", "source"))
        if entry is None:
            return ()
        try:
            points = tuple((float(x), float(y)) for x, y in entry["value"])
        except (TypeError, ValueError):
            raise InputError(f"{self._key(key)}.value must be a list of pairs [pruning_ratio, speedup]") from None
        rising = all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(points))
        if len(points) < 2 or not rising or points[0][0] < 0 or points[-1][0] >= 1 or points[0][1] <= 0:
            raise InputError(f"{self._key(key)}.value must be at least two pairs that rise in both, ratios in [0, 1)")
        return points

    def width_rows(self, key: str) -> tuple[tuple[int, float], ...]:
        """Required rows ``[[key]] bits = ..., energy = { value, unit, source }``, sorted by width."""
        rows = self._get(key)
        if not isinstance(rows, list) or not rows:
            raise InputError(f"{self._key(key)} is missing; write [[{key}]] with bits and energy, one for each width")
        result = []
        for number, row in enumerate(rows):
            child = TableReader(
                row if isinstance(row, Mapping) else {}, self._where, f"{self._prefix}{key}[{number}].", self
            )
            self._children.append(child)
            bits = child._get("bits")
            if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 64:
                raise InputError(f"{child._key('bits')} is {bits!r}; it must be a whole number from 1 to 64")
            result.append((bits, child.number("energy", "joules")))
        if len({bits for bits, _ in result}) < len(result):
            raise InputError(f"{self._key(key)} has two rows for one width; each width needs one")
        return tuple(sorted(result))

    def refuse_unread(self) -> None:
        """Raise :class:`InputError` for the first key that nobody asked for."""
        for key in self._data:
            if key not in self._known:
                raise InputError(f"{self._key(key)}: " + unknown_name("key", key, self._known))
        for child in self._children:
            child.refuse_unread()
