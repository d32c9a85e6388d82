"""CIFAR-10 in its binary version.

A record is one label byte, then 1024 red, 1024 green and 1024 blue bytes, each row by row. Five training batches and a
test batch; the official ones hold 10000 records each, a user's own may hold fewer: the count is taken from the size.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dse.datasets.dataset import Dataset, DatasetEntry, LoadOptions, Samples, fingerprint
from dse.datasets.download import RemoteFile, download
from dse.datasets.files import damaged, first_existing, read_unpacked

RECORD_BYTES = 1 + 3 * 32 * 32
FOLDERS = ("cifar10", "cifar-10", ".")
BATCHES = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
PACKED = ("", ".xz", ".gz")
ARCHIVE = RemoteFile(
    name="cifar-10-binary.tar.gz",
    addresses=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    size=170052171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_records(content: bytes, where: Path | str) -> npt.NDArray[np.uint8]:
    """Records of shape (N, 3073), label first; ``where`` names the file in an :class:`cost_models.InputError`."""
    if not content or len(content) % RECORD_BYTES:
        raise damaged(where, f"its {len(content)} bytes are not a whole number of records of {RECORD_BYTES} bytes")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD_BYTES)
    if records[:, 0].max() > 9:
        position = int(np.argmax(records[:, 0] > 9))
        raise damaged(where, f"record {position} has the label {records[position, 0]}; labels are 0 to 9")
    return records


def load(options: LoadOptions) -> Dataset:
    """Images of shape (3, 32, 32) with codes 0 to 255, found under the data root or downloaded into it."""
    train = _samples(TRAIN, options.data_root)
    return Dataset(
        name="cifar10",
        input_shape=(3, 32, 32),
        classes=10,
        temporal=False,
        train=train,
        load_test=lambda: _samples(TEST, options.data_root),
        class_names=CLASS_NAMES,
        fingerprint=fingerprint("cifar10", train),
    )


def _samples(names: Sequence[str], data_root: Path) -> Samples:
    records = np.concatenate(_reader(names, data_root)())
    images = torch.from_numpy(np.ascontiguousarray(records[:, 1:])).reshape(-1, 3, 32, 32)
    return Samples(images, torch.from_numpy(records[:, 0].astype(np.int64)), full_scale=255.0)


def _reader(names: Sequence[str], data_root: Path) -> Callable[[], list[npt.NDArray[np.uint8]]]:
    """How these batches are read here: from single files if all are there, else from the archive."""
    folders = [data_root / folder for folder in FOLDERS]
    places = [place for folder in folders for place in (folder / BATCHES, folder)]
    for place in places:
        found = [first_existing([place], [name + ending for ending in PACKED]) for name in names]
        paths = [path for path in found if path is not None]
        if len(paths) == len(names):
            return lambda: [read_records(read_unpacked(path), path) for path in paths]
    archive = first_existing(folders, [ARCHIVE.name]) or download(ARCHIVE, folders[0])
    return lambda: _from_archive(archive, names)


def _from_archive(archive: Path, names: Sequence[str]) -> list[npt.NDArray[np.uint8]]:
    try:
        with tarfile.open(archive, "r:gz") as stream:
            batches = []
            for name in names:
                member = stream.extractfile(f"{BATCHES}/{name}")
                if member is None:
                    raise damaged(archive, f"{name} in it is not a file")
                batches.append(read_records(member.read(), f"{archive}: {name}"))
            return batches
    except KeyError as error:
        raise damaged(archive, f"it lacks {BATCHES}/{names[0]} or one of the others") from error
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise damaged(archive, f"it cannot be unpacked to its end ({error})") from error


CIFAR10 = DatasetEntry(
    name="cifar10",
    description="objects and animals, 50000 + 10000 images of 3x32x32",
    source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    licence="none stated; used in research with citation",
    input_shape=(3, 32, 32),
    classes=10,
    temporal=False,
    load=load,
)
