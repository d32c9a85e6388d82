"""Study files: TOML in, a checked Study out, every mistake named by file and key."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cost_models import InputError, unknown_name
from studies.study import Study
from studies.study_dict import study_from_dict

_DEFINITIONS = Path(__file__).parent / "definitions"


def ready_studies() -> tuple[str, ...]:
    """The names of the studies that come with the package."""
    return tuple(sorted(path.stem for path in _DEFINITIONS.glob("*.toml")))


def load_study(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file, or the ready study of that name, with ``KEY=VALUE`` overrides in dotted keys.

    A value is read as TOML; where it is none, it is taken as a text, so that ``task.dataset=mnist`` needs no quotes.
    Raises :class:`InputError` with one sentence that starts with the file.

    >>> load_study("digits", ["search.trials=5"]).search.trials
    5
    """
    path = _find(path_or_name)
    source = " ".join([str(path_or_name), *(f"--set {override}" for override in overrides)])
    table = _read(path, str(path_or_name))
    for override in overrides:
        _apply(table, override)
    try:
        return study_from_dict(table)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _find(path_or_name: str | Path) -> Path:
    text = str(path_or_name)
    if not text:
        raise InputError(
            f"the study is an empty text; name a study file or a ready study: {', '.join(ready_studies())}"
        )
    if text in ready_studies():
        return _DEFINITIONS / f"{text}.toml"
    path = Path(path_or_name)
    if path.is_dir():
        raise InputError(f"{text} is a folder; name the study file in it")
    if path.exists():
        return path
    if path.suffix == ".toml" or path.name != text:
        raise InputError(f"there is no study file {text}; ready studies: {', '.join(ready_studies())}")
    raise InputError(f"there is no file {text!r}, and it is an " + unknown_name("ready study", text, ready_studies()))


def _read(path: Path, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{source} is not a text file in UTF-8; a study file is TOML") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{source} is not valid TOML: {error}") from None


def _apply(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = _key_path(key) if equals else []
    if not path:
        raise InputError(f"--set {override}: an override is KEY=VALUE, such as search.trials=5")
    for index, name in enumerate(path[:-1]):
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            raise InputError(f"--set {override}: {'.'.join(path[: index + 1])} is {inner!r} and not a table")
        table = inner
    table[path[-1]] = _value(text)


def _key_path(key: str) -> list[str]:
    """A dotted TOML key as its parts; empty if it is none."""
    try:
        level: Any = tomllib.loads(f"{key.strip()} = 0")
    except (tomllib.TOMLDecodeError, RecursionError):
        return []
    path: list[str] = []
    while isinstance(level, dict):
        if len(level) != 1:
            return []
        name, level = next(iter(level.items()))
        path.append(name)
    return path if level == 0 else []


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text.strip()
    return table["value"] if len(table) == 1 else text.strip()
