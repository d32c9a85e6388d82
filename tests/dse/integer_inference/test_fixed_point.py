"""Two rounded constants a channel and one threshold: exact against the network that was trained with them."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

from dse.integer_inference import InputCodes, IntegerNetwork, NotExactError, compare, make_exact, train_with_constants
from dse.integer_inference.exact_sum import ExactSum
from dse.neurons import LIF
from dse.quantizers import UniformQuantizer
from dse.spiking_network import SpikingNetwork
from dse.tasks import TRAINING_LOSSES
from dse.training import Schedule
from tests.dse.integer_inference.networks import (
    CHANNELS,
    SIDE,
    random_samples,
    randomise_norms,
    rounded,
    small_network,
)

SHAPE = (CHANNELS, SIDE, SIDE)
SETTINGS = list(itertools.product((1, 1.58, 2, 4, 8), ("hard", "soft"), (0.5, 0.25)))


def trained_before(bits: float, reset: str, leak: float) -> tuple[SpikingNetwork, torch.Generator]:
    generator = torch.Generator().manual_seed(round(100 * bits))
    torch.manual_seed(3)
    neuron = LIF(leak, reset=reset, membrane_bits=bits)
    network = small_network(neuron, LIF(leak, reset=reset, membrane_bits=bits, pool=2), time_steps=4)
    randomise_norms(network, generator)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            rounded(layer, UniformQuantizer(), 4)
    return network, generator


@pytest.mark.parametrize(("bits", "reset", "leak"), SETTINGS)
def test_a_network_trained_with_rounded_constants_runs_by_one_threshold_without_a_difference(
    bits: float, reset: str, leak: float
) -> None:
    network, generator = trained_before(bits, reset, leak)
    samples = random_samples(48, generator)
    make_exact(network, InputCodes(255, 255), fraction_bits=8)
    before = copy.deepcopy(network)
    train_with_constants(network, samples, Schedule(3, 16, 0.4), loss=TRAINING_LOSSES["cross_entropy"](), seed=0)
    found = compare(network, IntegerNetwork.of(network, SHAPE, tables=False), samples)
    assert found.none, found
    moved = 0
    for old, new in zip(before.modules(), network.modules(), strict=True):
        if isinstance(old, ExactSum) and isinstance(new, ExactSum):
            assert torch.equal(old.scale, new.scale)
            assert not new.codes[old.codes == 0].any()
            assert set(new.codes.unique().tolist()) <= set(old.codes.unique().tolist())
            moved += int((old.codes != new.codes).sum())
    assert moved > 0


def test_constants_that_are_rounded_after_training_change_spikes_and_so_are_trained_with() -> None:
    network, generator = trained_before(1.58, "hard", 0.5)
    samples = random_samples(200, generator)
    coarse = copy.deepcopy(network)
    make_exact(coarse, InputCodes(255, 255), fraction_bits=4)
    found = compare(network, IntegerNetwork.of(coarse, SHAPE, tables=False), samples)
    assert found.spikes > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"leak": 0.3}, "leak 0.3"),
        ({"threshold": 0.7}, "threshold 0.7"),
        ({"membrane_quantizer": "threshold_centred"}, "evenly spaced levels without a mask"),
        ({"membrane_mask": "hold"}, "evenly spaced levels without a mask"),
    ],
)
def test_rules_without_a_fixed_point_form_are_one_sentence(changes: dict[str, object], said: str) -> None:
    network, _ = trained_before(2, "hard", 0.5)
    network.body[6] = LIF(**{"membrane_bits": 2, **changes})  # type: ignore[arg-type]
    make_exact(network, InputCodes(255, 255), fraction_bits=8)
    with pytest.raises(NotExactError, match=said):
        IntegerNetwork.of(network, SHAPE, tables=False)
