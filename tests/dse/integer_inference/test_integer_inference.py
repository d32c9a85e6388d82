"""Integers alone do what the float network does: every spike, every stored level, every prediction."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from cost_models import InputError
from dse.integer_inference import InputCodes, IntegerNetwork, NotExactError, compare, make_exact
from dse.integer_inference.chain import read_chain
from dse.integer_inference.exact_sum import ExactSum
from dse.integer_inference.kernel import add_up
from dse.integer_inference.thresholds import ThresholdTable, threshold_table
from dse.neurons import LIF, MEMBRANE_QUANTIZERS
from dse.neurons.dynamics import lif_step
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.spiking_network import SpikingNetwork
from tests.dse.integer_inference.networks import (
    CHANNELS,
    SIDE,
    random_samples,
    randomise_norms,
    rounded,
    small_network,
    with_codes,
)


def takes(check: Callable[[float], object], bits: float) -> bool:
    """Whether a quantiser has this width, by its own word."""
    try:
        check(bits)
    except InputError:
        return False
    return True


#: Every quantiser of the tables at every width that it takes: a new one is tested the moment that it is registered.
WEIGHT_SETTINGS = [
    (name, bits)
    for name, quantizer in WEIGHT_QUANTIZERS.items()
    for bits in (1, 1.58, 2, 3, 4, 6, 8)
    if takes(quantizer().check_bits, bits)
]
NEURON_SETTINGS = [
    *(
        (name, bits, reset, "none")
        for name, quantizer in MEMBRANE_QUANTIZERS.items()
        for bits in (1, 1.58, 2, 4)
        if takes(lambda bits, grid=quantizer.grid: grid(bits, 1.0, 0.25), bits)
        for reset in ("hard", "soft")
    ),
    *itertools.product(("stacked",), (3, 6, 8), ("hard", "soft"), ("none",)),
    *itertools.product(("stacked",), (1.58, 4), ("hard", "soft"), ("skip", "hold")),
]


def exact_pair(network: SpikingNetwork, codes: InputCodes | None = None) -> tuple[SpikingNetwork, IntegerNetwork]:
    make_exact(network, codes or InputCodes(255, 255))
    return network, IntegerNetwork.of(network, (CHANNELS, SIDE, SIDE))


def network_of(neuron: LIF, weights: tuple[str, float], generator: torch.Generator) -> SpikingNetwork:
    torch.manual_seed(int(torch.randint(1000, (1,), generator=generator)))
    network = small_network(neuron, copy.deepcopy(neuron), time_steps=4)
    network.body[2].pool = 2
    randomise_norms(network, generator)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            rounded(layer, WEIGHT_QUANTIZERS[weights[0]](), weights[1])
    return network


@pytest.mark.parametrize(("quantizer", "bits"), WEIGHT_SETTINGS)
def test_every_weight_quantizer_runs_on_integers_alone_without_one_different_spike(quantizer: str, bits: float) -> None:
    generator = torch.Generator().manual_seed(round(100 * bits))
    network = network_of(LIF(membrane_bits=1.58), (quantizer, bits), generator)
    sums = [
        int(layer.integer_weights.codes.long().abs().flatten(1).sum(1).max()) * largest_input
        for layer, largest_input in zip((network.body[0], network.body[4], network.body[7]), (255, 4, 1), strict=True)
    ]
    if max(sums) >= 2**24:  # more than float32 adds up exactly: the one reason that a width can give
        with pytest.raises(NotExactError, match=r"the sums of layer '\d' can reach"):
            exact_pair(network)
        return
    found = compare(*exact_pair(network), random_samples(60, generator))
    assert found.none, f"weight quantizer {quantizer!r} at {bits} bits is not what its integers do: {found}"
    assert found.decisions == 60 * 4 * (5 * 36 + 7)


def test_every_quantizer_that_can_be_named_is_among_the_settings_above() -> None:
    assert {name for name, _ in WEIGHT_SETTINGS} == set(WEIGHT_QUANTIZERS)
    assert {name for name, *_ in NEURON_SETTINGS} == set(MEMBRANE_QUANTIZERS)


@pytest.mark.parametrize(("quantizer", "bits", "reset", "mask"), NEURON_SETTINGS)
def test_every_neuron_setting_runs_on_integers_alone_without_one_different_state(
    quantizer: str, bits: float, reset: str, mask: str
) -> None:
    generator = torch.Generator().manual_seed(round(10 * bits))
    neuron = LIF(0.7, 0.9, reset, membrane_bits=bits, membrane_quantizer=quantizer, membrane_mask=mask)
    neuron.set_membrane_unit(0.21)
    found = compare(*exact_pair(network_of(neuron, ("uniform", 3), generator)), random_samples(40, generator))
    assert found.none, f"membrane quantizer {quantizer!r} at {bits} bits is not what its tables do: {found}"


def test_a_learned_threshold_is_the_one_of_the_tables() -> None:
    generator = torch.Generator().manual_seed(1)
    neuron = LIF(membrane_bits=2, learn_threshold=True)
    assert neuron.threshold is not None
    neuron.threshold.data.fill_(0.613)
    found = compare(*exact_pair(network_of(neuron, ("uniform", 3), generator)), random_samples(40, generator))
    assert found.none, found


def test_event_sequences_run_on_integers_alone() -> None:
    generator = torch.Generator().manual_seed(2)
    network = network_of(LIF(membrane_bits=4), ("uniform", 4), generator)
    samples = random_samples(40, generator, full_scale=1.0, steps=4)
    found = compare(*exact_pair(network, InputCodes(1, 255)), samples)
    assert found.none, found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gains=st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0]), min_size=12, max_size=12),
    offsets=st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0]), min_size=12, max_size=12),
    leak=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    reset=st.sampled_from(["hard", "soft"]),
    bits=st.sampled_from([1, 1.58, 2, 3, 4]),
)
def test_negative_scales_and_ties_are_met_against_plain_torch_layers(
    seed: int, gains: list[float], offsets: list[float], leak: float, reset: str, bits: float
) -> None:
    # Every number is a short binary fraction, so torch's own layers with float weights are exact, and ties are common.
    generator = torch.Generator().manual_seed(seed)
    neuron = LIF(leak, reset=reset, membrane_bits=bits)
    network = small_network(neuron, LIF(leak, reset=reset, membrane_bits=bits, pool=2), time_steps=3)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm, part in zip(norms, (slice(0, 5), slice(5, 12)), strict=True):
        norm.eps = 0.0
        norm.weight.data.copy_(torch.tensor(gains[part]))
        norm.bias.data.copy_(torch.tensor(offsets[part]))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            with_codes(layer, 0.25, 2, generator)
            if layer.bias is not None:
                layer.bias.data.copy_(torch.randint(-4, 5, layer.bias.shape, generator=generator) / 4)
    plain, samples = copy.deepcopy(network), random_samples(20, generator, full_scale=4.0)
    found = compare(plain, exact_pair(network, InputCodes(4, 255))[1], samples)
    assert found.none, found


def test_a_tie_at_the_threshold_stays_silent_and_a_tie_between_levels_goes_up() -> None:
    generator = torch.Generator().manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), LIF(membrane_bits=1.58), nn.Flatten(), nn.Linear(1, 2))
    for layer in (body[0], body[3]):
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        with_codes(layer, 0.5, 1, generator)
    body[0].integer_weights.codes.fill_(1)  # type: ignore[union-attr,operator]
    network = SpikingNetwork(body, 1, input_ndim=3)
    make_exact(network, InputCodes(1, 255))
    table = IntegerNetwork.of(network, (1, 1, 1)).stages[0].firing
    assert isinstance(table, ThresholdTable)
    assert table.sums[0, table.fire[table.start]] == 3  # 2 x 0.5 is the threshold itself
    assert table.sums[0, table.keep[table.start]].tolist() == [0, 1]  # 0.5 is stored as 1


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("scale", [0.013, -0.11])
def test_a_threshold_table_says_what_the_float_rule_says_for_every_sum_and_level(reset: str, scale: float) -> None:
    codes, neuron = torch.tensor([[3, -2, 1]]), LIF(0.6, reset=reset, membrane_bits=3)
    layer = ExactSum(
        *(codes, torch.tensor([scale]), torch.tensor([0.07]), None), input_units=1, largest_input=40, weight=codes * 1.0
    )
    table, flipped = threshold_table(layer, neuron.dynamics)
    sign = -1 if bool(flipped[0]) else 1
    for number, value in enumerate(table.values):
        for total in range(-80, 161):
            fired, stored = lif_step(
                torch.tensor([float(total)]) * layer.scale + layer.shift, torch.tensor([value]), neuron.dynamics
            )
            fires = sign * total >= table.sums[0, table.fire[number]]
            passed = table.after if fires else table.keep
            level = (
                table.reset if fires and reset == "hard" else int((sign * total >= table.sums[0, passed[number]]).sum())
            )
            assert bool(fired) == fires
            assert float(stored) == table.values[level]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.sampled_from([1, 2, 4]),
)
def test_adding_up_codes_is_torchs_convolution_in_double(
    seed: int, stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int], groups: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 6, (2, 4, 7, 8), generator=generator, dtype=torch.int32)
    codes = torch.randint(-9, 10, (8, 4 // groups, 3, 2), generator=generator, dtype=torch.int32)
    whole = functional.conv2d(inputs.double(), codes.double(), None, stride, padding, dilation, groups)
    expected = whole.permute(0, 2, 3, 1).numpy()
    sums = np.zeros(expected.shape, np.int32)
    laid_out = codes.reshape(groups, 8 // groups, -1, 3, 2).permute(0, 2, 3, 4, 1).reshape(4, 3, 2, 8 // groups)
    add_up(inputs.permute(0, 2, 3, 1).contiguous().numpy(), laid_out.numpy(), sums, stride, padding, dilation)
    assert np.array_equal(sums, expected)


def test_no_float_takes_part_in_the_time_loop() -> None:
    from dse.integer_inference import kernel

    generator = torch.Generator().manual_seed(3)
    _, integers = exact_pair(network_of(LIF(membrane_bits=2), ("uniform", 3), generator))
    samples, seen = random_samples(3, generator), []
    scores = integers.scores(samples.inputs.numpy(), lambda _, __, spikes, levels: seen.extend((spikes, levels)))
    assert {array.dtype.kind for array in (*seen, scores)} <= {"i", "u"}
    compiled = str([function.nopython_signatures for function in (kernel.add_up, kernel.fire)])
    assert "int32" in compiled
    assert "float" not in compiled


def test_the_exact_form_changes_no_number_beyond_float_rounding() -> None:
    generator = torch.Generator().manual_seed(4)
    network = network_of(LIF(membrane_bits=1.58), ("uniform", 4), generator)
    inputs = random_samples(50, generator).normalised(slice(None))
    currents: list[list[torch.Tensor]] = []
    for _ in range(2):
        seen: list[torch.Tensor] = []
        hook = network.body[2].register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0]))
        with torch.inference_mode():
            network(inputs)
        hook.remove()
        currents.append(seen)
        make_exact(network, InputCodes(255, 255))
    assert torch.allclose(currents[0][0], currents[1][0], rtol=1e-5, atol=1e-5)


def odd(change: str) -> tuple[SpikingNetwork, InputCodes | None]:
    network = network_of(LIF(membrane_bits=2), ("uniform", 3), torch.Generator().manual_seed(5))
    codes: InputCodes | None = InputCodes(255, 255)
    body = network.body
    if change == "float inputs":
        codes = None
    elif change == "float weights":
        del body[0].integer_weights
    elif change == "float membrane":
        body[6].membrane_bits = 32
    elif change == "activation":
        body.insert(1, nn.ReLU())
    elif change == "large sums":
        body[4].integer_weights = replace(body[4].integer_weights, codes=torch.full((7, 45), 2**20, dtype=torch.int32))
    elif change == "norm behind the read-out":
        body.append(nn.BatchNorm1d(4))
    elif change == "no neurons":
        return SpikingNetwork(nn.Sequential(nn.Flatten(), nn.Linear(72, 4), nn.Linear(4, 4)), 1, input_ndim=3), codes
    return network, codes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("float inputs", "stores its inputs as floats"),
        ("float weights", "layer '0' has float weights"),
        ("float membrane", "layer '4' keep a float membrane"),
        ("activation", "'1' \\(ReLU\\) stands between"),
        ("large sums", "sums of layer '4' can reach"),
        ("norm behind the read-out", "batch norm '8' follows the read-out"),
        ("no neurons", "without spiking neurons between them"),
    ],
)
def test_a_network_that_cannot_be_exact_says_so_in_one_sentence_and_stays_as_it_is(change: str, said: str) -> None:
    network, codes = odd(change)
    before = [type(module) for module in network.modules()]
    with pytest.raises(NotExactError, match=said) as raised:
        make_exact(network, codes)
    assert issubclass(NotExactError, InputError)
    assert "\n" not in str(raised.value)
    assert [type(module) for module in network.modules()] == before


def test_a_network_written_as_a_class_is_followed_through_its_forward() -> None:
    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.fire, self.last = nn.Linear(4, 6), LIF(membrane_bits=2), nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.fire(self.first(torch.flatten(x, 1))))

    assert [stage.path for stage in read_chain(SpikingNetwork(Body(), 2, input_ndim=3))] == ["first", "last"]
