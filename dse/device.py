"""The device on which networks are trained; what a trial reports is measured on the CPU, as integer inference is."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cost_models import InputError

CPU = torch.device("cpu")


def training_device(name: str) -> torch.device:
    """The device that a study names; "auto" is the first CUDA device, or the CPU where there is none.

    Raises :class:`InputError` for one that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else CPU
    kind, _, number = name.partition(":")
    if kind not in ("cpu", *_present()) or (number and int(number) >= _count(kind)):
        known = [f"{one}:{index}" for one in _present() for index in range(_count(one))]
        raise InputError(f"training.device is {name!r}; this machine has {', '.join(('cpu', *known))}")
    return CPU if kind == "cpu" else torch.device(kind, int(number or 0))


def _present() -> list[str]:
    return [one for one, found in (("cuda", torch.cuda), ("mps", torch.backends.mps)) if found.is_available()]


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


@contextmanager
def same_randomness(device: torch.device) -> Iterator[None]:
    """Whatever is drawn inside the ``with`` block, the generators of the CPU and of a CUDA device are as before."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """On a CUDA device the same kernels in the same order for each run of the block; nothing to do on the CPU.

    Products are formed in float32, not TF32, so that the network is the one that the CPU then measures. Where PyTorch
    has no deterministic kernel (a cumulative sum, in the channel predictor's target) the last bits may still differ.
    """
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it, before its first call
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings(), torch.backends.cudnn.flags(True, deterministic=True, allow_tf32=False):
            warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation")
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
