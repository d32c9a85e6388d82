"""Data sets by name, and a user's own: where they are found, how they are checked, how they are split."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from cost_models import Registry
from dse.datasets.cifar import CIFAR10
from dse.datasets.cifar10_dvs import CIFAR10_DVS
from dse.datasets.dataset import Dataset, DatasetEntry, LoadOptions, Samples, split_train_validation
from dse.datasets.digits import DIGITS
from dse.datasets.dvs128_gesture import DVS128_GESTURE
from dse.datasets.idx import FASHION_MNIST, MNIST
from dse.datasets.n_mnist import N_MNIST
from dse.datasets.user import from_torch_datasets

__all__ = ["DATASETS", "Dataset", "DatasetEntry", "Samples", "load_dataset", "split_train_validation"]

DATASETS: Registry[DatasetEntry] = Registry(
    "data set",
    {entry.name: entry for entry in (DIGITS, MNIST, FASHION_MNIST, CIFAR10, N_MNIST, CIFAR10_DVS, DVS128_GESTURE)},
)


def load_dataset(
    name: str,
    data_root: str | Path | None = None,
    *,
    time_steps: int | None = None,
    frame_size: int | None = None,
    slicing: str = "time",
    corrupt: str = "refuse",
    cache_root: str | Path | None = None,
) -> Dataset:
    """The data set of this name, or the one that a user's ``path/to/file.py:factory`` makes; its test part is unread.

    Files are looked for under ``data_root`` (None: the user's own data folder) and downloaded into it when absent. The
    rest is for event data; still images ignore it: ``time_steps`` is the number of bins, of equal "time" or "count" of
    events as ``slicing`` says; ``frame_size`` is the height and width of a frame (None for either: the data set's
    own); ``corrupt`` is "refuse" or "skip" for damaged recordings; ``cache_root`` (None: the user's cache folder)
    keeps the frames. Raises :class:`cost_models.InputError` for unknown names and for files that are absent or
    damaged.

    >>> digits = load_dataset("digits")
    >>> digits.input_shape, len(digits.train), len(digits.test)
    ((1, 8, 8), 1437, 360)
    """
    options = LoadOptions(
        data_root=Path(data_root).expanduser() if data_root else platformdirs.user_data_path("spikefront"),
        cache_root=Path(cache_root).expanduser() if cache_root else platformdirs.user_cache_path("spikefront"),
        time_steps=time_steps,
        frame_size=frame_size,
        slicing=slicing,
        corrupt=corrupt,
    )
    if ":" in name:
        from dse.references import load_reference

        return from_torch_datasets(name, load_reference(name))
    return DATASETS[name].load(options)
