"""The network in whole numbers: packed weight codes, threshold tables and biases; no float is needed to run it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cost_models import InputError
from dse.datasets import Samples
from dse.export.export_format import ExportFormat, Measured, Run, TrainedTrial
from dse.export.packing import pack_codes, smallest_type, unpack_codes
from dse.integer_inference import InputCodes, IntegerNetwork, make_exact
from dse.integer_inference.chain import Rearrangement
from dse.integer_inference.exact_sum import Geometry
from dse.integer_inference.network import Array, IntegerStage
from dse.integer_inference.thresholds import ThresholdTable

INTEGERS = "integers.safetensors"
CODES = ("codes", "values", "range", "bitmap")
TABLES = ("sums", "fire", "keep", "after")


def write(trial: TrainedTrial, folder: Path) -> dict[str, Any]:
    """Every layer's integers; raises :class:`NotExactError` for a network that integers alone cannot run."""
    network = copy.deepcopy(trial.network)
    make_exact(network, InputCodes.of(trial.samples))
    integers = IntegerNetwork.of(network, trial.input_shape)
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    layers = []
    for stage in integers.stages:
        parts = pack_codes(stage.codes)
        if stage.table is not None:
            parts |= {name: smallest_type(getattr(stage.table, name)) for name in TABLES}
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
    parts = {"weight codes": 0, "threshold tables": 0, "biases": 0}
    kinds = dict.fromkeys(CODES, "weight codes") | dict.fromkeys(TABLES, "threshold tables") | {"bias": "biases"}
    for name, array in _arrays(folder).items():
        parts[kinds[name.rpartition("/")[2]]] += array.nbytes
    return parts


def _arrays(folder: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        return load_file(folder / INTEGERS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / INTEGERS} cannot be read: {error}") from None


def _described(stage: IntegerStage) -> dict[str, Any]:
    table = stage.table
    return {
        "name": stage.path,
        "before": [asdict(rearrangement) for rearrangement in stage.before],
        "shape": list(stage.codes.shape),
        "geometry": None if stage.geometry is None else asdict(stage.geometry),
        "pool": stage.pool,
        "bias_bits": stage.bias_bits,
        "levels": None if table is None else [float(value) for value in table.values],
        "start": None if table is None else table.start,
        "reset": None if table is None else table.reset,
    }


def _stage(layer: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[np.generic]]) -> IntegerStage:
    start = f"{layer['name']}/"
    parts = {
        name.removeprefix(start): array for name, array in arrays.items() if name.rpartition("/")[0] + "/" == start
    }
    table = None
    if layer["levels"] is not None:
        sums, fire, keep, after = (np.ascontiguousarray(parts[name].astype(np.int32)) for name in TABLES)
        values = np.array(layer["levels"], np.float32)
        table = ThresholdTable(sums, fire, keep, after, layer["reset"], layer["start"], values)
    return IntegerStage(
        layer["name"],
        tuple(Rearrangement(**entry) for entry in layer["before"]),
        unpack_codes(parts, tuple(layer["shape"])),
        None if layer["geometry"] is None else _geometry(layer["geometry"]),
        table,
        layer["pool"],
        parts["bias"].astype(np.int32) if "bias" in parts else None,
        layer["bias_bits"],
    )


def _geometry(entry: Mapping[str, Any]) -> Geometry:
    stride, padding, dilation = ((entry[name][0], entry[name][1]) for name in ("stride", "padding", "dilation"))
    return Geometry(stride, padding, dilation, entry["groups"])


PACKED = ExportFormat("weight codes, threshold tables and biases as whole numbers", write, _open, _memory)
