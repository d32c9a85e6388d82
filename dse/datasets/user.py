"""A user's own data: two torch data sets, read into memory and checked so that training cannot trip over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from cost_models import InputError
from dse.datasets.dataset import Dataset, Samples, fingerprint

BYTE_FULL_SCALE = 255.0


def from_torch_datasets(name: str, factory: Callable[[], Any]) -> Dataset:
    """The data set that a user's factory makes: a pair (train, test) of ``torch.utils.data.Dataset``.

    Each item is (input, label): an input is a tensor or an array, the same shape throughout; uint8 is read as pixels
    from 0 to 255, anything else as float32; labels are whole numbers from 0. There are as many classes as the training
    set's ``classes`` names, at least the largest training label plus one. A training set with a true attribute
    ``temporal`` has inputs of shape (T, *input_shape). Raises :class:`cost_models.InputError` naming part and item.
    """
    made = _answer(name, factory)
    if not isinstance(made, tuple | list) or len(made) != 2:
        raise InputError(f"{name} returns {type(made).__name__}; it returns a pair (train, test) of data sets")
    for part, items in zip(("train", "test"), made, strict=True):
        if hasattr(items, "__len__") and len(items) == 0:
            raise InputError(f"{name}: {part} is empty; it needs one item (input, label) or more")
    temporal = bool(getattr(made[0], "temporal", False))
    train = materialise(f"{name}: train", made[0], temporal)
    names = tuple(str(label) for label in getattr(made[0], "classes", ()))
    largest = int(train.targets.max())
    classes = max(len(names), largest + 1)
    if classes < 2:
        raise InputError(f"{name}: every training sample has the label 0; a classification needs two classes or more")

    def load_test() -> Samples:
        test = materialise(f"{name}: test", made[1], temporal)
        if test.shape != train.shape or test.full_scale != train.full_scale:
            raise InputError(
                f"{name}: test inputs have shape {test.shape}, training inputs {train.shape} or another type"
            )
        if int(test.targets.max()) >= classes:
            raise InputError(
                f"{name}: the test part has the label {int(test.targets.max())}; there are {classes} classes"
            )
        return test

    return Dataset(
        name=name,
        input_shape=train.shape[1:] if temporal else train.shape,
        classes=classes,
        temporal=temporal,
        train=train,
        load_test=load_test,
        class_names=names if len(names) == classes else tuple(str(label) for label in range(classes)),
        fingerprint=fingerprint(name, train),
    )


def materialise(where: str, dataset: Any, temporal: bool = False) -> Samples:
    """All items of a user's data set in memory; ``where`` names it in an :class:`cost_models.InputError`."""
    try:
        count = len(dataset)
    except TypeError as error:
        raise InputError(
            f"{where} is a {type(dataset).__name__} without a length; it is a data set with items"
        ) from error
    if count == 0:
        raise InputError(f"{where} is empty; it needs one item (input, label) or more")
    inputs, labels = _tensors(where, dataset, count)
    if not inputs.isfinite().all():
        item = int((~inputs.isfinite()).flatten(1).any(1).nonzero()[0])
        raise InputError(f"{where}: item {item} has an input that is not a finite number")
    if inputs.dim() < 2 or (temporal and inputs.dim() < 3):
        raise InputError(
            f"{where}: inputs have the shape {tuple(inputs.shape[1:])}; they need an axis (and one for time)"
        )
    if int(labels.min()) < 0:
        raise InputError(f"{where}: the label {int(labels.min())} is below 0; labels are whole numbers from 0")
    return Samples(inputs, labels, full_scale=_full_scale(inputs), temporal=temporal)


def _tensors(where: str, dataset: Any, count: int) -> tuple[Tensor, Tensor]:
    if type(dataset) is TensorDataset and len(dataset.tensors) == 2:
        inputs, labels = dataset.tensors
        if labels.dim() == 1 and not labels.is_floating_point():
            return _stored(inputs), labels.to(torch.int64).cpu()
    pairs = [_pair(dataset, item, f"{where}: item {item}") for item in range(count)]
    first = pairs[0][0]
    for item, (value, _) in enumerate(pairs):
        if value.shape != first.shape or value.dtype != first.dtype:
            raise InputError(
                f"{where}: item {item} has the shape {tuple(value.shape)} and type {value.dtype}, item 0 has "
                f"{tuple(first.shape)} and {first.dtype}; bring all to one shape and type"
            )
    return torch.stack([value for value, _ in pairs]), torch.tensor([label for _, label in pairs], dtype=torch.int64)


def _answer(where: str, ask: Callable[[], Any]) -> Any:
    """What the user's own code answers; its exception becomes one sentence that names where it was raised."""
    try:
        return ask()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{where} raises {type(error).__name__}: {error}") from error


def _pair(dataset: Any, position: int, where: str) -> tuple[Tensor, int]:
    item = _answer(where, lambda: dataset[position])
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise InputError(f"{where} is a {type(item).__name__}; it is a pair (input, label)")
    value, label = item
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    if not isinstance(value, Tensor):
        raise InputError(f"{where} has a {type(value).__name__} as input; it is a tensor or an array (add a transform)")
    if isinstance(label, np.generic) or (isinstance(label, Tensor) and label.numel() == 1):
        label = label.item()
    if not isinstance(label, int):
        raise InputError(f"{where} has the label {label!r}; labels are whole numbers from 0")
    return _stored(value), int(label)


def _stored(value: Tensor) -> Tensor:
    value = value.detach().cpu()
    return value if value.dtype == torch.uint8 else value.to(torch.float32)


def _full_scale(inputs: Tensor) -> float:
    return BYTE_FULL_SCALE if inputs.dtype == torch.uint8 else 1.0
