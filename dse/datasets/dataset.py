"""What every data set offers: samples in memory, a lazily read test part, and a stratified validation split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cost_models import InputError


class Samples:
    """Inputs and class labels of one part of a data set; never changed once made.

    ``inputs`` has shape ``(N, *input_shape)`` or, where ``temporal``, ``(N, T, *input_shape)``; type uint8 or float32.
    ``targets`` has shape ``(N,)`` and type int64. ``full_scale`` is the stored value that a network sees as 1.0: stored
    codes stay integers, so that integer-only inference can start from them. ``rows`` picks rows of ``inputs`` without
    copying them (``targets`` then belongs to the picked rows), so that memory-mapped data can be split on disk.
    """

    __slots__ = ("_rows", "_stored", "full_scale", "targets", "temporal")

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        *,
        full_scale: float = 1.0,
        temporal: bool = False,
        rows: Tensor | None = None,
    ) -> None:
        count = len(inputs) if rows is None else len(rows)
        if (
            inputs.dtype not in (torch.uint8, torch.float32)
            or targets.dtype != torch.int64
            or targets.shape != (count,)
        ):
            raise InputError(
                f"samples need uint8 or float32 inputs and one int64 label each, not {count} inputs of "
                f"{inputs.dtype} with labels of {targets.dtype} and shape {tuple(targets.shape)}"
            )
        self._stored = inputs
        self._rows = rows
        self.targets = targets
        self.full_scale = full_scale
        self.temporal = temporal

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def inputs(self) -> Tensor:
        """The stored codes, ``(N, *shape)`` or ``(N, T, *shape)``; a copy where these samples are a part of others."""
        return self._stored if self._rows is None else self._stored[self._rows]

    @property
    def holds_integers(self) -> bool:
        """Whether the stored codes are whole numbers, a whole number of which make 1.0."""
        return self._stored.dtype == torch.uint8 and float(self.full_scale).is_integer()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one stored input, with its time axis first where the data are temporal."""
        return tuple(self._stored.shape[1:])

    def normalised(self, index: Tensor | slice | Sequence[int]) -> Tensor:
        """The float32 batch of the samples at ``index``, as a network takes it: stored codes over ``full_scale``.

        Shape ``(B, *input_shape)``; event sequences come time first: ``(T, B, *input_shape)``.
        """
        picked = torch.as_tensor(index) if not isinstance(index, Tensor | slice) else index
        batch = self._stored[picked if self._rows is None else self._rows[picked]].to(torch.float32)
        if self.full_scale != 1.0:
            batch = batch / self.full_scale
        return batch.movedim(1, 0).contiguous() if self.temporal else batch

    def subset(self, index: Tensor) -> Samples:
        """The samples at ``index`` (int64 positions), sharing the stored inputs."""
        rows = index if self._rows is None else self._rows[index]
        return Samples(self._stored, self.targets[index], full_scale=self.full_scale, temporal=self.temporal, rows=rows)


@dataclass(frozen=True, eq=False)
class Dataset:
    """One data set: its training part, and its test part which is read only when :attr:`test` is first used.

    ``input_shape`` has neither batch nor time. ``fingerprint`` changes with the training part (values, order, labels),
    so that whatever was computed from it can be kept under it.
    """

    name: str
    input_shape: tuple[int, ...]
    classes: int
    temporal: bool
    train: Samples
    load_test: Callable[[], Samples]
    class_names: tuple[str, ...]
    fingerprint: str

    @cached_property
    def test(self) -> Samples:
        """The test part; a search never asks for it."""
        return self.load_test()


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where and how to read: what a caller of :func:`dse.datasets.load_dataset` decides.

    ``time_steps`` is the number of time bins of event data (None: the data set's own default; still images have none).
    ``cache_root`` is where event data keep their frames, ``frame_size`` their height and width in pixels (None: the
    data set's own) and ``slicing`` what their bins have in common: "time" or "count" of events. ``corrupt`` says what
    happens to a damaged recording: "refuse" names it in an :class:`~cost_models.InputError`, "skip" leaves it out with
    a warning.
    """

    data_root: Path
    cache_root: Path
    time_steps: int | None = None
    frame_size: int | None = None
    slicing: str = "time"
    corrupt: str = "refuse"


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One line of the table of data sets; what is known without reading any file, and how to read it."""

    name: str
    description: str
    source: str
    licence: str
    input_shape: tuple[int, ...]
    classes: int
    temporal: bool
    load: Callable[[LoadOptions], Dataset]


def fingerprint(name: str, samples: Samples) -> str:
    """A hexadecimal digest of everything a network is trained on: name, layout, values and labels."""
    digest = hashlib.sha256(repr((name, samples.shape, samples.full_scale, samples.temporal)).encode())
    digest.update(np.ascontiguousarray(samples.inputs.numpy()).data)
    digest.update(np.ascontiguousarray(samples.targets.numpy()).data)
    return digest.hexdigest()


def stratified_split(targets: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of all but ``count`` samples, and of ``count`` samples spread over the classes as all samples are.

    Largest-remainder rounding per class; no class gives all of its samples away. Both parts come in ascending order.
    The same targets, count and seed give the same parts.
    """
    labels = targets.numpy()
    sizes = np.bincount(labels)
    share = count * sizes / max(len(labels), 1)
    taken = np.minimum(np.floor(share).astype(np.int64), np.maximum(sizes - 1, 0))
    while taken.sum() < count:
        owed = np.where(taken < sizes - 1, share - taken, -np.inf)
        if not np.isfinite(owed).any():
            raise InputError(f"cannot take {count} of {len(labels)} samples and leave one of each class; take fewer")
        taken[np.argmax(owed)] += 1
    generator = np.random.default_rng(seed)
    second = np.zeros(len(labels), dtype=bool)
    for label, part in enumerate(taken):
        second[generator.permutation(np.flatnonzero(labels == label))[:part]] = True
    return torch.from_numpy(np.flatnonzero(~second)), torch.from_numpy(np.flatnonzero(second))


def split_train_validation(dataset: Dataset, fraction: float, seed: int) -> tuple[Samples, Samples]:
    """Cut the training part in two: what is trained on, and a stratified share ``fraction`` to judge by.

    The validation part has ``round(fraction * N)`` samples, at least one; the test part is not touched. Same seed, same
    split.
    """
    if not isinstance(fraction, int | float) or not math.isfinite(fraction) or not 0.0 < fraction < 1.0:
        raise InputError(f"training.validation_fraction is {fraction!r}; it is a share above 0 and below 1")
    count = max(1, round(fraction * len(dataset.train)))
    try:
        training, validation = stratified_split(dataset.train.targets, count, seed)
    except InputError as error:
        raise InputError(
            f"data set {dataset.name!r}, training.validation_fraction = {fraction}: {error} or more samples"
        ) from None
    return dataset.train.subset(training), dataset.train.subset(validation)
