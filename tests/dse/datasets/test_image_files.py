"""MNIST, Fashion-MNIST and CIFAR-10: the real files, and damaged ones of the same form."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cost_models import InputError
from dse.datasets import cifar, idx, load_dataset
from dse.datasets.dataset import Samples
from dse.datasets.download import RemoteFile

NAMES = {
    "images": ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"),
    "labels": ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"),
}


def idx_bytes(*shape: int, values: bytes | None = None, magic: int | None = None) -> bytes:
    header = struct.pack(">i", 0x0800 | len(shape) if magic is None else magic) + struct.pack(f">{len(shape)}I", *shape)
    return header + (bytes(int(np.prod(shape))) if values is None else values)


def put_mnist(root: Path, *, images: bytes | None = None, labels: bytes | None = None) -> Path:
    """A folder with MNIST files of four images, the training ones as given."""
    folder = root / "mnist"
    folder.mkdir()
    for part in (0, 1):
        good = idx_bytes(4, 28, 28), idx_bytes(4, values=bytes((0, 1, 2, 9)))
        given = (images, labels) if part == 0 else (None, None)
        for kind, content, other in zip(("images", "labels"), good, given, strict=True):
            packed = gzip.compress(content) if other is None else other
            (folder / f"{NAMES[kind][part]}.gz").write_bytes(packed)
    return root


def nearest_centroid(train: Samples, test: Samples) -> float:
    """Share of test samples nearest to the mean of their own class: labels belong to images or this is near 0.1."""
    x, y = train.normalised(slice(None)).flatten(1), train.targets
    centres = torch.stack([x[y == label].mean(0) for label in range(10)])
    found = torch.cdist(test.normalised(slice(None)).flatten(1), centres).argmin(1)
    return float((found == test.targets).float().mean())


@pytest.mark.parametrize(
    ("name", "train", "test", "accuracy"),
    [("mnist", 60000, 10000, 0.820), ("fashion_mnist", 60000, 10000, 0.677), ("cifar10", 10000, 2000, 0.275)],
)
def test_the_real_files_give_the_published_nearest_centroid_accuracy(
    data_root: Path, name: str, train: int, test: int, accuracy: float
) -> None:
    dataset = load_dataset(name, data_root)
    assert (len(dataset.train), len(dataset.test)) == (train, test)
    assert dataset.train.shape == dataset.input_shape == dataset.test.shape
    assert nearest_centroid(dataset.train, dataset.test) == pytest.approx(accuracy, abs=0.002)


def test_mnist_has_the_published_class_counts(data_root: Path) -> None:
    counts = torch.bincount(load_dataset("mnist", data_root).train.targets).tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_fashion_mnist_has_the_published_mean_and_spread(data_root: Path) -> None:
    pixels = load_dataset("fashion_mnist", data_root).train.normalised(slice(None))
    assert (float(pixels.mean()), float(pixels.std())) == pytest.approx((0.2860, 0.3530), abs=1e-4)


def test_the_first_channel_of_cifar_is_red(data_root: Path) -> None:
    means = load_dataset("cifar10", data_root).train.normalised(slice(None)).mean((0, 2, 3))
    assert means.tolist() == pytest.approx([0.4917, 0.4823, 0.4467], abs=1e-4)


def test_unpacked_files_are_read_too(tmp_path: Path) -> None:
    folder = put_mnist(tmp_path) / "mnist"
    for packed in list(folder.glob("*.gz")):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert load_dataset("mnist", tmp_path).train.targets.tolist() == [0, 1, 2, 9]


def test_the_test_part_is_read_only_when_asked_for(tmp_path: Path) -> None:
    put_mnist(tmp_path)
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"not gzip")
    dataset = load_dataset("mnist", tmp_path)
    with pytest.raises(InputError, match="t10k-images"):
        _ = dataset.test


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (gzip.compress(idx_bytes(4, 28, 28))[:-20], "cannot be unpacked to its end"),
        (b"", "starts with nothing"),
        (b"<html>not found</html>", "cannot be unpacked"),
        (gzip.compress(idx_bytes(4, 28, 28, magic=0x0801)), "magic number 00000803"),
        (gzip.compress(idx_bytes(4, 28, 28)[:9]), "its header ends after 9 of 16 bytes"),
        (
            gzip.compress(idx_bytes(4, 28, 28, values=bytes(4 * 784 - 1))),
            "holds 3135 values where its header says 3136",
        ),
        (gzip.compress(idx_bytes(2**32 - 1, 2**32 - 1, 28, values=b"")), "holds 0 values"),
        (gzip.compress(idx_bytes(4, 28, 27)), "not of \\(28, 28\\)"),
        (gzip.compress(idx_bytes(0, 28, 28)), "holds 0 images"),
        (gzip.compress(idx_bytes(3, 28, 28)), "4 labels for 3 images"),
    ],
    # A gzip header carries the time, so the bytes make no stable test names.
    ids=["cut", "empty", "html", "magic", "header", "short", "too-large", "shape", "no-images", "uneven"],
)
def test_a_damaged_image_file_is_refused_by_name(tmp_path: Path, images: bytes, said: str) -> None:
    with pytest.raises(InputError, match=f"train-.*damaged.*{said}"):
        load_dataset("mnist", put_mnist(tmp_path, images=images))


def test_a_label_out_of_range_is_refused_by_name(tmp_path: Path) -> None:
    labels = gzip.compress(idx_bytes(4, values=bytes((0, 1, 2, 10))))
    with pytest.raises(InputError, match=r"train-labels.*label 10; labels are 0 to 9"):
        load_dataset("mnist", put_mnist(tmp_path, labels=labels))


def test_absent_files_without_internet_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = RemoteFile("train-images-idx3-ubyte.gz", ("http://127.0.0.1:9/",), 1, "00")
    files = idx.ImageFiles("mnist", ("mnist",), (unreachable, unreachable), (unreachable, unreachable), ())
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError, match=r"train-images.*could not be downloaded.*put the file there"):
        idx.load(files, load_options(tmp_path))


def load_options(root: Path) -> idx.LoadOptions:
    return idx.LoadOptions(data_root=root, cache_root=root)


def cifar_records(count: int, label: int = 0) -> bytes:
    return b"".join(bytes([label]) + bytes([position % 256]) * 3072 for position in range(count))


def put_cifar(root: Path, ending: str = "", **contents: bytes) -> Path:
    folder = root / "cifar10" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for position, name in enumerate((*cifar.TRAIN, *cifar.TEST)):
        content = contents.get(name.removesuffix(".bin"), cifar_records(position + 1, label=position))
        (folder / f"{name}{ending}").write_bytes(content)
    return root


def test_the_number_of_cifar_records_is_taken_from_the_size(tmp_path: Path) -> None:
    dataset = load_dataset("cifar10", put_cifar(tmp_path))
    assert torch.bincount(dataset.train.targets).tolist() == [1, 2, 3, 4, 5]
    assert dataset.test.targets.tolist() == [5] * 6


def test_cifar_is_read_from_the_official_archive(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    with tarfile.open(tmp_path / "cifar10" / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in (*cifar.TRAIN, *cifar.TEST):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = 2 * cifar.RECORD_BYTES
            archive.addfile(member, io.BytesIO(cifar_records(2, label=3)))
    dataset = load_dataset("cifar10", tmp_path)
    assert dataset.train.targets.tolist() == [3] * 10
    assert len(dataset.test) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (cifar_records(2)[:-1], "its 6145 bytes are not a whole number of records"),
        (b"", "its 0 bytes"),
        (cifar_records(2) + cifar_records(1, label=10), "record 2 has the label 10"),
    ],
)
def test_a_damaged_cifar_batch_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=f"data_batch_3.bin.*damaged.*{said}"):
        load_dataset("cifar10", put_cifar(tmp_path, data_batch_3=content))


def test_a_truncated_packed_batch_is_refused_by_name(tmp_path: Path) -> None:
    whole = lzma.compress(cifar_records(2))
    put_cifar(tmp_path, ".xz", **{name.removesuffix(".bin"): whole for name in (*cifar.TRAIN, *cifar.TEST)})
    broken = tmp_path / "cifar10" / "cifar-10-batches-bin" / "data_batch_2.bin.xz"
    broken.write_bytes(whole[:-8])
    with pytest.raises(InputError, match=r"data_batch_2.bin.xz.*cannot be unpacked"):
        load_dataset("cifar10", tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", gzip.compress(b"nonsense"), gzip.compress(bytes(1024))],
    ids=["empty", "text", "packed-text", "no-members"],
)
def test_a_damaged_archive_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"cifar-10-binary.tar.gz.*damaged"):
        load_dataset("cifar10", tmp_path)
