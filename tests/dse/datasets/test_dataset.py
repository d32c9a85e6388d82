"""Samples, splits and fingerprints."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from cost_models import InputError
from dse.datasets import DATASETS, Dataset, Samples, load_dataset, split_train_validation
from dse.datasets.dataset import fingerprint, stratified_split


def dataset_of(labels: list[int]) -> Dataset:
    inputs = torch.arange(len(labels), dtype=torch.float32).reshape(-1, 1)
    train = Samples(inputs, torch.tensor(labels, dtype=torch.int64))

    def untouchable() -> Samples:
        raise AssertionError("the test part was read")

    return Dataset("made", (1,), max(labels) + 1, False, train, untouchable, (), "")


def test_digits_are_scikit_learns_images_over_sixteen() -> None:
    digits = load_dataset("digits")
    ours = (
        torch.cat([digits.train.normalised(slice(None)), digits.test.normalised(slice(None))]).reshape(-1, 64).numpy()
    )
    theirs = load_digits().data / 16
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)].astype(np.float32))


def test_the_test_part_of_digits_is_stratified() -> None:
    digits = load_dataset("digits")
    shares = torch.bincount(digits.test.targets) / torch.bincount(
        torch.cat([digits.train.targets, digits.test.targets])
    )
    assert len(digits.test) == 360
    assert float((shares - 360 / 1797).abs().max()) < 0.005


def test_digits_are_the_same_each_time() -> None:
    assert load_dataset("digits").fingerprint == load_dataset("digits").fingerprint


def test_an_unknown_data_set_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="unknown data set 'digit'; did you mean 'digits'"):
        load_dataset("digit")


def test_every_entry_stands_under_its_own_name_with_source_and_licence() -> None:
    assert all(entry.name == name and entry.source and entry.licence for name, entry in DATASETS.items())


@given(
    st.lists(st.integers(0, 4), min_size=30, max_size=200).filter(lambda labels: len(set(labels)) > 1),
    st.floats(0.05, 0.5),
    st.integers(0, 2**32 - 1),
)
def test_a_split_is_stratified_complete_and_disjoint(labels: list[int], fraction: float, seed: int) -> None:
    dataset = dataset_of(labels)
    train, validation = split_train_validation(dataset, fraction, seed)
    together = torch.cat([train.inputs, validation.inputs]).flatten().tolist()
    assert sorted(together) == list(range(len(labels)))
    assert len(validation) == max(1, round(fraction * len(labels)))
    sizes, taken = np.bincount(labels, minlength=5), np.bincount(validation.targets.numpy(), minlength=5)
    share = len(validation) * sizes / len(labels)
    assert np.all(np.abs(taken - share) < 1 + np.sum(sizes == 1))


def test_a_split_keeps_inputs_and_labels_together() -> None:
    digits = load_dataset("digits")
    theirs = {
        image.astype(np.uint8).tobytes(): int(label) for image, label in zip(*load_digits(return_X_y=True), strict=True)
    }
    train, validation = split_train_validation(digits, 0.15, seed=3)
    for part in (train, validation):
        found = [theirs[image.numpy().tobytes()] for image in part.inputs]
        assert found == part.targets.tolist()


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    digits = load_dataset("digits")
    first, again, other = (split_train_validation(digits, 0.15, seed)[1].inputs for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_splitting_never_reads_the_test_part() -> None:
    split_train_validation(dataset_of([0, 1] * 10), 0.2, 0)


def test_no_class_gives_all_its_samples_to_the_second_part() -> None:
    training, _ = stratified_split(torch.tensor([0] * 98 + [1, 2]), 90, 0)
    assert {1, 2} <= set(torch.tensor([0] * 98 + [1, 2])[training].tolist())


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan"), 1.5])
def test_a_validation_fraction_outside_zero_to_one_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="validation_fraction"):
        split_train_validation(dataset_of([0, 1] * 10), fraction, 0)


def test_a_split_that_would_empty_a_class_is_refused() -> None:
    with pytest.raises(InputError, match="leave one of each class"):
        split_train_validation(dataset_of([0, 1, 2]), 0.9, 0)


def test_stored_codes_become_floats_over_the_full_scale() -> None:
    samples = Samples(
        torch.tensor([[0], [51], [255]], dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), full_scale=255.0
    )
    assert samples.normalised([1, 2]).flatten().tolist() == pytest.approx([0.2, 1.0])


def test_event_sequences_come_time_first() -> None:
    inputs = torch.arange(24, dtype=torch.uint8).reshape(3, 4, 2)
    samples = Samples(inputs, torch.zeros(3, dtype=torch.int64), temporal=True)
    batch = samples.normalised(torch.tensor([2, 0]))
    assert batch.shape == (4, 2, 2)
    assert torch.equal(batch[1, 0], inputs[2, 1].float())


def test_a_subset_of_a_subset_is_picked_from_the_same_storage() -> None:
    samples = Samples(torch.arange(10, dtype=torch.uint8).reshape(-1, 1), torch.arange(10))
    part = samples.subset(torch.tensor([9, 7, 5])).subset(torch.tensor([2, 0]))
    assert part.inputs.flatten().tolist() == part.targets.tolist() == [5, 9]
    assert part.normalised(slice(0, 1)).item() == 5.0


def test_samples_without_one_label_each_are_refused() -> None:
    with pytest.raises(InputError, match="one int64 label each"):
        Samples(torch.zeros(3, 1), torch.zeros(2, dtype=torch.int64))


def test_a_fingerprint_changes_with_a_single_label() -> None:
    inputs, targets = torch.zeros(3, 1), torch.tensor([0, 1, 1])
    changed = Samples(inputs, torch.tensor([0, 1, 0]))
    assert fingerprint("made", Samples(inputs, targets)) != fingerprint("made", changed)
