"""Storage formats: formulas against bits counted from actual masks, and what they must never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from cost_models import Configuration, InputError, Layer, Workload, break_even, estimate, load_hardware, losing_layers
from cost_models.mask_memory import filler_zeros, mask_bits
from cost_models.memory import (
    STORAGE_FORMATS,
    StorageFormat,
    default_formats,
    entries_per_weight,
    formats_for,
    relative_index_bits,
    whole_bits,
)

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 60))


def formula_bits(name: str, rows: int, columns: int, kept: int, bits: int) -> float:
    values = (float(rows * columns), float(kept), float(bits), float(rows), float(columns))
    data, overhead = STORAGE_FORMATS[name](*(np.array([value]) for value in values))
    return float(data[0] + overhead[0])


def random_mask(rows: int, columns: int, density: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, columns)) < density


@given(SHAPES, st.floats(0, 1), st.integers(0, 99))
def test_csr_holds_what_scipys_csr_holds(shape: tuple[int, int], density: float, seed: int) -> None:
    mask = random_mask(*shape, density, seed)
    matrix = sparse.csr_array(mask.astype(np.int8))
    column_bits = max(1, int(np.ceil(np.log2(shape[1]))))
    pointer_bits = max(1, int(np.ceil(np.log2(matrix.nnz + 1))))
    by_hand = 8 * matrix.data.size + column_bits * matrix.indices.size + pointer_bits * matrix.indptr.size
    assert formula_bits("csr", *shape, matrix.nnz, 8) == by_hand == mask_bits(mask, 8, "csr")


@given(SHAPES, st.floats(0, 1), st.integers(0, 99), st.integers(1, 6))
def test_fillers_are_those_of_an_encoder_that_walks_the_weights(
    shape: tuple[int, int], density: float, seed: int, index_bits: int
) -> None:
    mask = random_mask(*shape, density, seed)
    fillers, gap = 0, 0
    for kept in mask.ravel().tolist():
        if kept:
            gap = 0
        elif gap == 2**index_bits - 1:
            fillers, gap = fillers + 1, 0  # the zero at hand becomes an entry
        else:
            gap += 1
    tail = gap_behind_last(mask, index_bits)
    assert filler_zeros(mask, index_bits) == fillers - tail


def gap_behind_last(mask: np.ndarray, index_bits: int) -> int:
    """Fillers that the walking encoder spends behind the last kept weight, where none are needed."""
    places = np.flatnonzero(mask)
    behind = mask.size - (places[-1] + 1 if places.size else 0)
    return int(behind // 2**index_bits)


@pytest.mark.parametrize("name", ["relative index", "run length", "bitmap", "csr", "csc"])
@pytest.mark.parametrize("density", [0.02, 0.08, 0.3, 0.7])
def test_the_formulas_are_right_on_average_over_random_masks(name: str, density: float) -> None:
    mask = random_mask(400, 500, density, 7)
    expected = formula_bits(name, 400, 500, int(mask.sum()), 4)
    assert mask_bits(mask, 4, name) == pytest.approx(expected, rel=0.01)


def test_the_expected_entries_are_those_of_simulated_gaps() -> None:
    mask = random_mask(1000, 1000, 0.05, 3)
    simulated = 1 + filler_zeros(mask, 4) / mask.sum()
    assert simulated == pytest.approx(float(entries_per_weight(np.array([mask.mean()]), 4)[0]), rel=0.01)


@settings(max_examples=100)
@given(
    SHAPES,
    st.integers(0, 2399),
    st.integers(0, 2399),
    st.sampled_from([1, 2, 4, 8, 32]),
    st.sampled_from(["dense", "bitmap", "relative index", "csr", "csc", "channel"]),
)
def test_bits_never_rise_with_more_zeros(
    shape: tuple[int, int], one: int, other: int, bits: int, storage_format: str
) -> None:
    weights = shape[0] * shape[1]
    few, many = sorted((one % (weights + 1), other % (weights + 1)))
    fewer = formula_bits(storage_format, *shape, few, bits)
    assert fewer <= formula_bits(storage_format, *shape, many, bits) * (1 + 1e-12)


def test_a_new_format_is_one_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a bit for each weight left out, say: it is compared, has a break-even, and keeps a layer from losing."""
    workload = Workload("one layer", (100,), (Layer("fc", "linear", (10, 100)),))
    hardware = load_hardware("loihi_like")
    slightly = Configuration.uniform(workload, pruning_ratio=0.01, weight_bits=1)
    assert losing_layers(workload, slightly, hardware) == ("fc",)
    monkeypatch.setattr(STORAGE_FORMATS, "_entries", dict(STORAGE_FORMATS))
    STORAGE_FORMATS.add(
        "half bit",
        StorageFormat(lambda weights, kept, bits, rows, columns: (kept * bits, (weights - kept) / 2), "any", True),
    )
    assert default_formats()[-1] == formats_for("any")[-1] == "half bit"
    assert estimate(workload, slightly, hardware).layers[0].storage_format == "half bit"
    assert break_even(workload, hardware, weight_bits=1)[0].storage["half bit"] == 0.0
    assert losing_layers(workload, slightly, hardware) == ()


@given(st.integers(2, 10**6))
def test_whole_bits_tell_that_many_things_apart(things: int) -> None:
    bits = int(whole_bits(np.array([float(things)]))[0])
    assert 2 ** (bits - 1) < things <= 2**bits


@given(st.floats(0.001, 1), st.sampled_from([2, 4, 8]))
def test_the_best_index_width_is_never_worse_than_a_fixed_one(density: float, bits: int) -> None:
    weights = np.array([100_000.0])
    kept = np.ceil(density * weights)
    arguments = (weights, kept, np.array([float(bits)]), np.array([100.0]), np.array([1000.0]))
    best = sum(relative_index_bits(*arguments))[0]
    fixed = [sum(relative_index_bits(*arguments, index_bits=width))[0] for width in range(1, 11)]
    assert best == pytest.approx(min(fixed))


def test_two_of_four_takes_half_the_weights_and_two_bits_for_each() -> None:
    mask = np.tile([True, False, False, True], (8, 16))
    assert mask_bits(mask, 8, "n:4") == formula_bits("n:4", 8, 64, 256, 8) == 256 * (8 + 2)


def test_a_mask_that_breaks_the_pattern_is_refused() -> None:
    mask = np.zeros((4, 16), dtype=bool)
    mask[0, :3] = True
    with pytest.raises(InputError, match="keeps 3 weights"):
        mask_bits(mask, 8, "n:4")


def test_a_partly_removed_channel_is_no_channel() -> None:
    mask = np.ones((4, 16), dtype=bool)
    mask[0, 3] = False
    with pytest.raises(InputError, match="only partly removed"):
        mask_bits(mask, 8, "channel")
