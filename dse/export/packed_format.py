"""The network in whole numbers: packed weight codes, threshold tables and biases; no float is needed to run it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import nn

from cost_models import InputError
from dse.datasets import Samples
from dse.export.export_format import ExportFormat, Measured, Run, TrainedTrial
from dse.export.packing import pack_codes, smallest_type, unpack_codes
from dse.integer_inference import InputCodes, IntegerNetwork, make_exact, train_with_constants
from dse.integer_inference.chain import Rearrangement
from dse.integer_inference.exact_sum import Geometry
from dse.integer_inference.fixed_point import FixedPoint
from dse.integer_inference.network import Array, IntegerStage
from dse.integer_inference.thresholds import ThresholdTable

INTEGERS = "integers.safetensors"
CODES = ("codes", "values", "range", "bitmap")
TABLES = ("sums", "fire", "keep", "after")
CONSTANTS = ("gain", "offset")
#: Fractional bits of the fixed-point constants where a layer's sums leave room for them.
FRACTION_BITS = 16


def write(trial: TrainedTrial, folder: Path) -> dict[str, Any]:
    """Every layer's integers; raises :class:`NotExactError` for a network that integers alone cannot run."""
    network = copy.deepcopy(trial.network)
    make_exact(network, InputCodes.of(trial.samples))
    return _write(IntegerNetwork.of(network, trial.input_shape), folder)


def with_fixed_point(trial: TrainedTrial) -> nn.Module:
    """The trial's network with rounded constants and the weights trained on under them, as a float network.

    Raises :class:`NotExactError` for a network whose neurons have no fixed-point form.
    """
    network = copy.deepcopy(trial.network)
    make_exact(network, InputCodes.of(trial.samples), FRACTION_BITS)
    IntegerNetwork.of(network, trial.input_shape, tables=False)  # says what cannot be before anything is trained
    train_with_constants(network, trial.training, trial.schedule, loss=trial.loss, seed=trial.seed)
    return network


def write_fixed_point(trial: TrainedTrial, folder: Path) -> dict[str, Any]:
    """As :func:`write`, with two constants a channel for a table (:func:`with_fixed_point`)."""
    network = with_fixed_point(trial)
    return _write(IntegerNetwork.of(network, trial.input_shape, tables=False), folder)


def _write(integers: IntegerNetwork, folder: Path) -> dict[str, Any]:
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    layers = []
    for stage in integers.stages:
        parts = pack_codes(stage.codes)
        if stage.firing is not None:
            names = TABLES if isinstance(stage.firing, ThresholdTable) else CONSTANTS
            parts |= {name: smallest_type(getattr(stage.firing, name)) for name in names}
        if stage.bias is not None:
            parts["bias"] = smallest_type(stage.bias)
        arrays |= {f"{stage.path}/{name}": array for name, array in parts.items()}
        layers.append(_described(stage))
    save_file(arrays, folder / INTEGERS)
    return {"layers_in_order": layers}


def open_network(folder: Path, manifest: Mapping[str, Any]) -> IntegerNetwork:
    """The integer network again; raises :class:`InputError` where the files are damaged."""
    arrays = _arrays(folder)
    try:
        stages = tuple(_stage(layer, arrays) for layer in manifest["layers_in_order"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: its manifest and {INTEGERS} contradict each other ({error})") from None
    return IntegerNetwork(stages, manifest["time_steps"], tuple(manifest["input_shape"]))


def run(network: IntegerNetwork, samples: Samples) -> Measured:
    """Accuracy and spikes, by whole numbers alone."""
    spikes = [0]

    def count(stage: int, step: int, fired: Array, levels: Array) -> None:
        spikes[0] += int(fired.sum(dtype=np.int64))

    predicted = network.predictions(samples.inputs.numpy(), count)
    return Measured(len(samples), int((predicted == samples.targets.numpy()).sum()) / len(samples), spikes[0])


def _open(folder: Path, manifest: Mapping[str, Any]) -> Run:
    return partial(run, open_network(folder, manifest))


def _memory(folder: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    kinds = dict.fromkeys(CODES, "weight codes") | dict.fromkeys(TABLES, "threshold tables")
    kinds |= dict.fromkeys(CONSTANTS, "constants") | {"bias": "biases"}
    parts: dict[str, int] = {}
    for name, array in _arrays(folder).items():
        kind = kinds[name.rpartition("/")[2]]
        parts[kind] = parts.get(kind, 0) + array.nbytes
    return parts


def _arrays(folder: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        return load_file(folder / INTEGERS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / INTEGERS} cannot be read: {error}") from None


def _described(stage: IntegerStage) -> dict[str, Any]:
    return {
        "name": stage.path,
        "before": [asdict(rearrangement) for rearrangement in stage.before],
        "shape": list(stage.codes.shape),
        "geometry": None if stage.geometry is None else asdict(stage.geometry),
        "pool": stage.pool,
        "bias_bits": stage.bias_bits,
        "firing": None if stage.firing is None else _firing_described(stage.firing),
    }


def _firing_described(firing: ThresholdTable | FixedPoint) -> dict[str, Any]:
    if isinstance(firing, FixedPoint):
        return {field.name: getattr(firing, field.name) for field in fields(FixedPoint) if field.name not in CONSTANTS}
    return {"levels": [float(value) for value in firing.values], "start": firing.start, "reset": firing.reset}


def _stage(layer: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[np.generic]]) -> IntegerStage:
    start = f"{layer['name']}/"
    parts = {
        name.removeprefix(start): array for name, array in arrays.items() if name.rpartition("/")[0] + "/" == start
    }
    firing: ThresholdTable | FixedPoint | None = None
    if (rules := layer["firing"]) is not None and "levels" in rules:
        sums, fire, keep, after = (_whole(parts[name]) for name in TABLES)
        values = np.array(rules["levels"], np.float32)
        firing = ThresholdTable(sums, fire, keep, after, rules["reset"], rules["start"], values)
    elif rules is not None:
        firing = FixedPoint(_whole(parts["gain"]), _whole(parts["offset"]), **rules)
    return IntegerStage(
        layer["name"],
        tuple(Rearrangement(**entry) for entry in layer["before"]),
        unpack_codes(parts, tuple(layer["shape"])),
        None if layer["geometry"] is None else _geometry(layer["geometry"]),
        firing,
        layer["pool"],
        _whole(parts["bias"]) if "bias" in parts else None,
        layer["bias_bits"],
    )


def _whole(array: npt.NDArray[np.generic]) -> npt.NDArray[np.int32]:
    return np.ascontiguousarray(array.astype(np.int32))


def _geometry(entry: Mapping[str, Any]) -> Geometry:
    stride, padding, dilation = ((entry[name][0], entry[name][1]) for name in ("stride", "padding", "dilation"))
    return Geometry(stride, padding, dilation, entry["groups"])


PACKED = ExportFormat(
    "weight codes, threshold tables and biases as whole numbers", write, _open, _memory, whole_numbers=True
)
FIXED_POINT = ExportFormat(
    "as packed, with two rounded constants a channel for a table, trained further under them",
    write_fixed_point,
    _open,
    _memory,
    whole_numbers=True,
)
