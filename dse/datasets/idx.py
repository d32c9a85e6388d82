"""MNIST and Fashion-MNIST: images and labels in IDX files.

Form of an IDX file: two zero bytes, a type byte (8: unsigned bytes), the number of dimensions, each dimension as a
big-endian 32-bit number, then the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dse.datasets.dataset import Dataset, DatasetEntry, LoadOptions, Samples, fingerprint
from dse.datasets.download import RemoteFile, download
from dse.datasets.files import damaged, first_existing, read_unpacked

UNSIGNED_BYTES = 8


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Where a data set of IDX files lies, and the four files it consists of, images before labels."""

    name: str
    folders: tuple[str, ...]
    train: tuple[RemoteFile, RemoteFile]
    test: tuple[RemoteFile, RemoteFile]
    class_names: tuple[str, ...]


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The unsigned bytes of an IDX file of so many dimensions, packed (.gz) or not.

    Raises :class:`cost_models.InputError` for a wrong magic number, type or length, and for a broken archive.
    """
    content = read_unpacked(path)
    header = 4 + 4 * dimensions
    magic = bytes((0, 0, UNSIGNED_BYTES, dimensions))
    if content[:4] != magic:
        raise damaged(
            path, f"it starts with {content[:4].hex() or 'nothing'} instead of the magic number {magic.hex()}"
        )
    if len(content) < header:
        raise damaged(path, f"its header ends after {len(content)} of {header} bytes")
    shape = [int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4)]
    values = np.frombuffer(content, np.uint8, offset=header)
    expected = int(np.prod(shape, dtype=object))
    if len(values) != expected:
        raise damaged(path, f"it holds {len(values)} values where its header says {expected}")
    return values.reshape(shape)


def load(files: ImageFiles, options: LoadOptions) -> Dataset:
    """Images of shape (1, 28, 28) with codes 0 to 255, found under the data root or downloaded into it."""
    train = _samples(files, files.train, options)
    return Dataset(
        name=files.name,
        input_shape=(1, 28, 28),
        classes=10,
        temporal=False,
        train=train,
        load_test=lambda: _samples(files, files.test, options),
        class_names=files.class_names,
        fingerprint=fingerprint(files.name, train),
    )


def _samples(files: ImageFiles, pair: tuple[RemoteFile, RemoteFile], options: LoadOptions) -> Samples:
    image_path, label_path = (_locate(files, file, options.data_root) for file in pair)
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1)
    if images.shape[1:] != (28, 28) or not len(images):
        raise damaged(image_path, f"it holds {len(images)} images of {images.shape[1:]} pixels, not of (28, 28)")
    if len(labels) != len(images):
        raise damaged(label_path, f"it holds {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise damaged(label_path, f"it holds the label {labels.max()}; labels are 0 to 9")
    inputs = torch.from_numpy(images.copy()).unsqueeze(1)
    return Samples(inputs, torch.from_numpy(labels.astype(np.int64)), full_scale=255.0)


def _locate(files: ImageFiles, file: RemoteFile, data_root: Path) -> Path:
    found = first_existing((data_root / folder for folder in files.folders), (file.name, file.name.removesuffix(".gz")))
    return found or download(file, data_root / files.folders[0])


def _published(addresses: tuple[str, ...], *files: tuple[str, int, str]) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(name, tuple(address + name for address in addresses), size, sha256) for name, size, sha256 in files
    )


_mnist = _published(
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    ("train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    ("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ("t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    ("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)
_fashion = _published(
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    ("train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    ("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    ("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)

MNIST_FILES = ImageFiles(
    name="mnist",
    folders=("mnist", "MNIST/raw"),
    train=(_mnist[0], _mnist[1]),
    test=(_mnist[2], _mnist[3]),
    class_names=tuple(str(digit) for digit in range(10)),
)
FASHION_MNIST_FILES = ImageFiles(
    name="fashion_mnist",
    folders=("fashion-mnist", "fashion_mnist", "FashionMNIST/raw"),
    train=(_fashion[0], _fashion[1]),
    test=(_fashion[2], _fashion[3]),
    class_names=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
)

MNIST = DatasetEntry(
    name="mnist",
    description="handwritten digits, 60000 + 10000 images of 1x28x28",
    source="Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, 1998",
    licence="none stated; usually passed on as CC BY-SA 3.0",
    input_shape=(1, 28, 28),
    classes=10,
    temporal=False,
    load=lambda options: load(MNIST_FILES, options),
)
FASHION_MNIST = DatasetEntry(
    name="fashion_mnist",
    description="articles of clothing, 60000 + 10000 images of 1x28x28",
    source="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017",
    licence="MIT",
    input_shape=(1, 28, 28),
    classes=10,
    temporal=False,
    load=lambda options: load(FASHION_MNIST_FILES, options),
)
