"""Budget files: a per-layer compression budget as TOML, JSON or CSV, written for people and read back by ``dse cost``.

Beside the budget itself a file carries what was measured with it (accuracy, totals and, for each layer, the density of
its input), so that its cost can be computed again without the study.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from cost_models import Configuration, InputError, unknown_name
from cost_models.errors import check_density
from studies.evaluation import Evaluation
from studies.study import Study

FORMATS = ("toml", "json", "csv")
SHARED = ("study", "trial", "network", "input_shape", "hardware", "time_steps")
KEYS = (*SHARED, "method", "accuracy_validation", "accuracy_test", "cost", "layers")
LAYER_COLUMNS = ("pruning_ratio", "weight_bits", "membrane_bits", "granularity", "input_density")


@dataclass(frozen=True, slots=True)
class Budget:
    """What a budget file says: a configuration and, where measured, the input density of each layer by name.

    The rest is what the configuration was found for; ``parameters`` counts those of the whole network.
    """

    configuration: Configuration
    densities: Mapping[str, float] = field(default_factory=dict)
    hardware: str | None = None
    network: str | None = None
    input_shape: tuple[int, ...] | None = None
    parameters: int | None = None


def budget_document(study: Study, evaluation: Evaluation, point: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a budget file for one evaluated point of a study's front.

    The configuration is the realised one: what the trained network was measured to be.
    """
    configuration = evaluation.realised or evaluation.asked
    layers = {budget.layer: budget.to_dict() for budget in configuration.budgets}
    if evaluation.workload is not None:
        for layer in evaluation.workload.compressible:
            layers[layer.name]["input_density"] = layer.input_density
    return {
        "study": study.name,
        "trial": evaluation.trial,
        "network": study.task.network,
        "input_shape": list(evaluation.workload.input_shape) if evaluation.workload else None,
        "hardware": study.hardware,
        "time_steps": configuration.time_steps,
        "method": study.method_in_force(evaluation.choices),
        "accuracy_validation": point["accuracy_validation"],
        "accuracy_test": point.get("accuracy_test"),
        "cost": dict(point["cost"]),
        "layers": layers,
    }


def budget_text(document: Mapping[str, Any], form: str) -> str:
    """The document as text in one of :data:`FORMATS`; TOML, which has no null, leaves such keys out."""
    if form == "toml":
        return tomli_w.dumps(_without_none(document))
    if form == "json":
        return json.dumps(document, indent=2) + "\n"
    if form == "csv":
        return csv_text(_layer_rows(document))
    raise InputError("--format: " + unknown_name("format", form, FORMATS))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header of all their keys; what a row lacks, and None, is left empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def format_of(path: Path | None, form: str | None) -> str:
    """The format asked for, else the one that the file's suffix names, else TOML.

    >>> format_of(Path("edge.json"), None), format_of(None, None)
    ('json', 'toml')
    """
    if form is not None:
        if form not in FORMATS:
            raise InputError("--format: " + unknown_name("format", form, FORMATS))
        return form
    suffix = path.suffix.lower().removeprefix(".") if path else ""
    return suffix if suffix in FORMATS else "toml"


def read_budget(path: Path) -> Budget:
    """Read a budget file in any of the formats, told apart by its suffix (TOML where it says nothing)."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the budget file {str(path)!r}: {_why(error)}") from None
    try:
        return _budget_of(_parsed(text, format_of(path, None)))
    except RecursionError:
        raise InputError(f"{path}: its tables or lists are nested too deeply; a budget is a table of layers") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a {format_of(path, None).upper()} file: {error}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_none(entry) for key, entry in value.items() if entry is not None}
    return value


def _layer_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    shared = {name: document[name] for name in SHARED}
    shared["input_shape"] = "x".join(map(str, document["input_shape"] or ()))
    empty: dict[str, Any] = dict.fromkeys(LAYER_COLUMNS)
    return [{**shared, "layer": name, **empty, **layer} for name, layer in document["layers"].items()]


def _parsed(text: str, form: str) -> object:
    if form == "json":
        return json.loads(text)
    return tomllib.loads(text) if form == "toml" else _from_csv(text)


def _from_csv(text: str) -> dict[str, Any]:
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise InputError("no layer in it; a budget has one row for each layer")
    for number, row in enumerate(rows, start=2):
        if None in row:
            raise InputError(f"line {number} has more cells than the header names columns; it needs one for each")
    for column in rows[0]:
        if column not in (*SHARED, "layer", *LAYER_COLUMNS):
            raise InputError(unknown_name("column", str(column), (*SHARED, "layer", *LAYER_COLUMNS)))
    if not rows[0].get("layer"):
        raise InputError("it has no column 'layer'; a budget has one row for each layer")
    layers: dict[str, Any] = {}
    for row in rows:
        if row["layer"] in layers:
            raise InputError(f"layer {row['layer']!r} has two rows; it needs exactly one")
        layers[row["layer"]] = {name: _cell(row[name]) for name in LAYER_COLUMNS if row.get(name)}
    shared: dict[str, Any] = {name: rows[0][name] for name in ("network", "hardware") if rows[0].get(name)}
    if rows[0].get("input_shape"):
        shared["input_shape"] = [_cell(size) for size in rows[0]["input_shape"].split("x")]
    return {**shared, "time_steps": _cell(rows[0].get("time_steps") or "1"), "layers": layers}


def _cell(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _budget_of(data: object) -> Budget:
    if not isinstance(data, Mapping):
        raise InputError("a budget is a table with time_steps and layers")
    for key in data:
        if key not in KEYS:
            raise InputError(unknown_name("key", str(key), KEYS))
    layers = data.get("layers")
    densities: dict[str, float] = {}
    if isinstance(layers, Mapping):
        layers = dict(layers)
        for name, entry in layers.items():
            if isinstance(entry, Mapping) and "input_density" in entry:
                densities[name] = check_density(f"layer {name!r}: input_density", entry["input_density"])
                layers[name] = {key: value for key, value in entry.items() if key != "input_density"}
    for key in ("network", "hardware"):
        if not isinstance(data.get(key, ""), str):
            raise InputError(f"{key} is {data[key]!r}; it is a name")
    configuration = Configuration.from_dict({**data, "layers": layers})
    cost = data.get("cost")
    parameters = cost.get("parameters") if isinstance(cost, Mapping) else None
    return Budget(
        configuration, densities, data.get("hardware"), data.get("network"), _shape(data.get("input_shape")), parameters
    )


def _shape(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(size, int) and size > 0 for size in value):
        raise InputError(f"input_shape is {value!r}; it is a list of whole numbers, such as [1, 28, 28]")
    return tuple(value)
