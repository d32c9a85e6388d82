"""A user's own data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from cost_models import InputError
from dse.datasets import load_dataset
from dse.datasets.user import from_torch_datasets


class Items(Dataset[Any]):
    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self.items = items
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> Any:
        return self.items[position]


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(())


def giving(train: Any, test: Any = None) -> Callable[[], Any]:
    return lambda: (train, train if test is None else test)


def two(first: Any = None, second: Any = None) -> Items:
    return Items(
        [(torch.zeros(1, 2, 2), 0) if first is None else first, (torch.ones(1, 2, 2), 1) if second is None else second]
    )


def test_tensors_arrays_and_label_types_are_read_alike() -> None:
    mixed = Items([(np.zeros((1, 2, 2), np.float32), np.int64(0)), (torch.ones(1, 2, 2), torch.tensor(1))])
    plain = from_torch_datasets("plain", giving(two()))
    found = from_torch_datasets("plain", giving(mixed))
    assert found.fingerprint == plain.fingerprint


def test_a_tensor_data_set_is_taken_as_it_is() -> None:
    inputs, labels = torch.rand(5, 3), torch.tensor([0, 1, 2, 1, 0])
    dataset = from_torch_datasets("made", giving(TensorDataset(inputs, labels)))
    assert torch.equal(dataset.train.normalised(slice(None)), inputs)
    assert dataset.classes == 3
    assert dataset.input_shape == (3,)


def test_bytes_are_read_as_pixels() -> None:
    pixels = torch.full((2, 1, 2, 2), 51, dtype=torch.uint8)
    dataset = from_torch_datasets("made", giving(TensorDataset(pixels, torch.tensor([0, 1]))))
    assert dataset.train.normalised([0]).unique().tolist() == pytest.approx([0.2])


def test_class_names_of_the_training_set_count_the_classes() -> None:
    items = Items([(torch.zeros(2), 0), (torch.zeros(2), 1)], classes=["cat", "dog", "cow"])
    dataset = from_torch_datasets("made", giving(items))
    assert (dataset.classes, dataset.class_names) == (3, ("cat", "dog", "cow"))


def test_temporal_inputs_lose_their_time_axis_in_the_input_shape() -> None:
    items = Items([(torch.zeros(5, 2, 3, 3), 0), (torch.zeros(5, 2, 3, 3), 1)], temporal=True)
    dataset = from_torch_datasets("made", giving(items))
    assert dataset.input_shape == (2, 3, 3)
    assert dataset.train.normalised([0, 1]).shape == (5, 2, 2, 3, 3)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (lambda: None, "returns NoneType; it returns a pair"),
        (lambda: 1 / 0, "raises ZeroDivisionError: division by zero"),
        (giving(Items([])), "made: train is empty"),
        (giving(Stream()), "without a length"),
        (giving(two(second=(torch.zeros(1, 2, 3), 1))), r"item 1 has the shape \(1, 2, 3\)"),
        (giving(two(second=(torch.zeros(1, 2, 2, dtype=torch.uint8), 1))), "bring all to one shape and type"),
        (giving(two(second="text")), "item 1 is a str; it is a pair"),
        (giving(two(second=("image", 1))), "item 1 has a str as input"),
        (giving(two(second=(torch.zeros(1, 2, 2), 0.5))), "item 1 has the label 0.5"),
        (giving(two(second=(torch.zeros(1, 2, 2), -1))), "the label -1 is below 0"),
        (giving(two(second=(torch.full((1, 2, 2), float("nan")), 1))), "item 1 has an input that is not a finite"),
        (giving(two(second=(torch.zeros(1, 2, 2), 0))), "needs two classes or more"),
        (giving(TensorDataset(torch.zeros(2), torch.tensor([0, 1]))), "they need an axis"),
    ],
)
def test_data_that_cannot_be_trained_on_are_one_sentence(factory: Callable[[], Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_torch_datasets("made", factory)


def test_a_test_label_without_a_class_is_refused_when_the_test_part_is_read() -> None:
    dataset = from_torch_datasets("made", giving(two(), two(second=(torch.zeros(1, 2, 2), 7))))
    with pytest.raises(InputError, match="test part has the label 7; there are 2 classes"):
        _ = dataset.test


def test_test_inputs_of_another_shape_are_refused() -> None:
    dataset = from_torch_datasets("made", giving(two(), Items([(torch.zeros(3), 0)])))
    with pytest.raises(InputError, match="test inputs have shape"):
        _ = dataset.test


def test_a_factory_in_a_users_file_is_loaded_by_reference(tmp_path: Path) -> None:
    file = tmp_path / "own_data.py"
    file.write_text(
        "import torch\nfrom torch.utils.data import TensorDataset\n\n"
        "def make():\n    part = TensorDataset(torch.zeros(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))\n"
        "    return part, part\n"
    )
    dataset = load_dataset(f"{file}:make")
    assert (dataset.classes, len(dataset.train), len(dataset.test)) == (3, 4, 4)
