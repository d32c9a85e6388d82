"""The trained float network of a study on disk, so that every trial and every run starts from the same one."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from dse.device import CPU, training_device
from dse.references import source_digest
from studies import Study, study_to_dict


def cache_folder() -> Path:
    """``$DSE_CACHE``, else the user's cache folder."""
    return Path(os.environ.get("DSE_CACHE") or platformdirs.user_cache_dir("spikefront")) / "baselines"


def baseline_key(study: Study, dataset_fingerprint: str, time_steps: int) -> str:
    """A hash of all that decides the trained float network: network, data, training, device, neuron, seed, versions."""
    whole = study_to_dict(study)
    left_out = ("epochs", "learning_rate", "device")
    training = {name: value for name, value in whole["training"].items() if name not in left_out}
    device = training_device(study.training.device)
    matters = {
        "network": study.task.network,
        "network_source": source_digest(study.task.network),
        "dataset": study.task.dataset,
        "dataset_source": source_digest(study.task.dataset),
        "dataset_fingerprint": dataset_fingerprint,
        "training": training,
        "neuron": study.method.neuron,
        "readout": study.method.readout,
        "options": {
            name: dict(study.method.options.get(name, {})) for name in (study.method.neuron, study.training.loss)
        },
        "time_steps": time_steps,
        "seed": study.seed,
        "torch": torch.__version__,
        "spikefront": _own_version(),
    }
    if device != CPU:
        matters["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return hashlib.sha256(json.dumps(matters, sort_keys=True, default=str).encode()).hexdigest()[:32]


def load_state(network: nn.Module, key: str) -> bool:
    """Load the cached weights into ``network``; False if there are none or they cannot be read (they are made anew)."""
    path = cache_folder() / f"{key}.safetensors"
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError):
        return False
    return True


def save_state(network: nn.Module, key: str) -> None:
    """Write the weights atomically; a folder that cannot be written only means that they are trained again."""
    folder = cache_folder()
    path = folder / f"{key}.safetensors"
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, draft)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _own_version() -> str:
    try:
        return version("spikefront")
    except PackageNotFoundError:
        return "source"
