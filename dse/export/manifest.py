"""What a manifest must say: its keys and their types, looked at once, when an export is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cost_models import InputError

MANIFEST = "export.json"
LAYOUT = 1

Test = Callable[[Any], bool]
#: A kind of value in words, and how it is told.
Kind = tuple[str, Test]


def _whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _table_of(test: Test) -> Test:
    return lambda value: isinstance(value, Mapping) and all(test(entry) for entry in value.values())


TEXT: Kind = ("a text", lambda value: isinstance(value, str))
COUNT: Kind = ("a whole number", _whole)
POSITIVE: Kind = ("a whole number of at least 1", lambda value: _whole(value, 1))
NUMBER: Kind = ("a finite number", _number)
TABLE: Kind = ("a table", lambda value: isinstance(value, Mapping))
TABLES: Kind = ("a table of tables", _table_of(TABLE[1]))
SIZES: Kind = ("a table of numbers of bytes", _table_of(_number))

FIELDS: Mapping[str, Kind] = {
    "format": TEXT,
    "study": TEXT,
    "trial": ("the number of a trial, or null", lambda value: value is None or _whole(value)),
    "dataset": TEXT,
    "events": TABLE,
    "events.slicing": TEXT,
    "events.frame_size": ("a whole number, or null", lambda value: value is None or _whole(value, 1)),
    "events.corrupt": TEXT,
    "input_shape": (
        "a list of whole numbers, such as [1, 28, 28]",
        lambda value: isinstance(value, list) and bool(value) and all(_whole(size, 1) for size in value),
    ),
    "classes": POSITIVE,
    "time_steps": POSITIVE,
    "cost_model_bytes": SIZES,
    "cost_model_bytes.weight_memory_bytes": NUMBER,
    "cost_model_bytes.index_memory_bytes": NUMBER,
    "measured": TABLE,
    "measured.samples": POSITIVE,
    "measured.accuracy": NUMBER,
    "measured.spikes": COUNT,
    "bytes": SIZES,
}
_LAYERS: Mapping[str, Kind] = {
    "layers_in_order": (
        "a list of tables",
        lambda value: isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value),
    )
}
#: What single formats add.
FIELDS_OF_FORMAT: Mapping[str, Mapping[str, Kind]] = {
    "torch": {"network": TEXT, "neuron": TEXT, "neuron_options": TABLE, "neurons": TABLES},
    "packed": _LAYERS,
    "fixed_point": _LAYERS,
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in ``folder``; :class:`InputError` where there is none, or none of ours."""
    path = folder / MANIFEST
    try:
        manifest: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{str(folder)!r} holds no {MANIFEST}; name a folder that dse export wrote") from None
    except (OSError, ValueError, RecursionError):
        raise InputError(f"{path} is damaged; export the trial again into a new folder") from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or "layout" not in manifest or not isinstance(manifest.get("format"), str):
        raise InputError(f"{path} is damaged, or not of dse export; export the trial again into a new folder")
    for name in files:
        if Path(name).name != name:
            raise InputError(f"{path} names the file {name!r}, which is not in its folder; export the trial again")
    return dict(manifest)


def check_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` for the first field that is missing or is not what dse export writes."""
    fields = {**FIELDS, **FIELDS_OF_FORMAT.get(manifest["format"], {})}
    for key, (kind, test) in fields.items():
        value: Any = manifest
        for part in key.split("."):
            if part not in value:
                raise InputError(f"{folder / MANIFEST} lacks {key}; export the trial again")
            value = value[part]
        if not test(value):
            raise InputError(f"{folder / MANIFEST}: {key} is {_short(value)}; it is {kind}; export the trial again")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
