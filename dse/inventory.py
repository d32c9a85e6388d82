"""What can be named in a study file: networks, data sets, hardware profiles and methods, one row each."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any


def network_rows() -> list[dict[str, str]]:
    """The built-in networks by name, with what they are and the source that they follow."""
    from dse.networks import NETWORKS

    return rows_of(NETWORKS)


def dataset_rows() -> list[dict[str, str]]:
    """The built-in data sets by name."""
    from dse.datasets import DATASETS

    return rows_of(DATASETS)


def hardware_rows() -> list[dict[str, str]]:
    """The built-in hardware profiles by name, each with the sources of its figures."""
    from cost_models import hardware_names, load_hardware

    profiles = [(name, load_hardware(name)) for name in hardware_names()]
    return [{"name": name, "description": profile.description} for name, profile in profiles]


def method_rows() -> list[dict[str, str]]:
    """Everything else that a study file names, with the key under which it does; and the formats of ``dse export``."""
    from dse.export import EXPORT_FORMATS
    from dse.neurons import MEMBRANE_QUANTIZERS, NEURONS
    from dse.pruning import PRUNING_METHODS
    from dse.quantizers import WEIGHT_QUANTIZERS
    from dse.search import ENGINES, SAMPLERS
    from dse.tasks import TASKS, TRAINING_LOSSES
    from studies import OBJECTIVES, Study

    tables: Iterable[tuple[str, Mapping[str, Any]]] = (
        ("method.pruning", PRUNING_METHODS),
        ("method.weight_quantizer", WEIGHT_QUANTIZERS),
        ("method.membrane_quantizer", MEMBRANE_QUANTIZERS),
        ("method.neuron", NEURONS),
        ("task.kind", TASKS),
        ("training.loss", TRAINING_LOSSES),
        ("objectives", OBJECTIVES),
        ("search.sampler", SAMPLERS),
        ("search.engine", ENGINES),
        ("dse export --format", EXPORT_FORMATS),
    )
    rows = [{"key": key, **row} for key, registry in tables for row in rows_of(registry)]
    samplers = {name: type(make(Study("any"), 0)) for name, make in SAMPLERS.items()}
    for row in rows:
        if row["key"] == "search.sampler" and not row["description"]:
            sampler = samplers[row["name"]]
            row |= {"description": _description(sampler), "source": sampler.__module__.split(".")[0]}
    return rows


def hardware_document(name_or_path: str) -> dict[str, Any]:
    """One hardware profile with every figure, its unit and its source, as plain values."""
    from cost_models import load_hardware

    profile = load_hardware(name_or_path)
    constants = [
        {"key": figure.key, "value": figure.value, "unit": figure.unit, "source": figure.source}
        for figure in profile.constants
    ]
    return {"name": profile.name, "description": profile.description, "constants": constants}


def rows_of(registry: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row an entry: its name, its description (else the first line of its docstring) and its source, if any."""
    return [
        {"name": name, "description": _description(entry), "source": str(getattr(entry, "source", "") or "")}
        for name, entry in registry.items()
    ]


def _description(entry: object) -> str:
    own = getattr(entry, "description", None)
    text = own if isinstance(own, str) and own else inspect.getdoc(entry) or ""
    return " ".join(text.split("\n\n")[0].split())
