"""SpQuant-SNN's memory table (README of the authors' code; decimal megabytes)."""

from __future__ import annotations

import itertools

import pytest

from cost_models import Configuration, Conventions, CostReport, Layer, Workload, estimate, load_hardware
from dse.trace import trace
from tests.published import reference_networks as networks

MEGABYTE = 1e6


@pytest.fixture(scope="module")
def vgg9() -> Workload:
    return trace(networks.on_meta(networks.spiking_vgg9), (3, 48, 48))


@pytest.mark.parametrize(("bits", "megabytes"), [(32, 3.6864), (1.58, 0.2304), (2, 0.2304)])
def test_membranes_of_vgg9_take_the_published_memory(vgg9: Workload, bits: float, megabytes: float) -> None:
    """921,600 neurons, one time step: no factor T; a ternary state is stored in 2 bits, not 1.58."""
    configuration = Configuration.uniform(vgg9, membrane_bits=bits, time_steps=10)
    total = estimate(vgg9, configuration, load_hardware("edge_asic_45nm")).total
    assert total.membrane_memory_bytes == megabytes * MEGABYTE


def test_membranes_of_resnet19_take_the_published_memory() -> None:
    """5.5 in the table are binary megabytes here, unlike VGG-9's row (inferred: no other unit fits either row)."""
    workload = trace(networks.on_meta(networks.spiking_resnet19), (3, 32, 32))
    total = estimate(workload, Configuration.uniform(workload), load_hardware("edge_asic_45nm")).total
    assert total.membrane_memory_bytes / 2**20 == pytest.approx(5.50, abs=0.005)


def published_vgg9(weight_bits: float, membrane_bits: float, partial_sum_bits: int) -> CostReport:
    """VGG-9 with the 10.28 million weights that 41.12 MB at 32 bit make.

    The released code has 9.26 million; where the other million comes from is unexplained, so the weights are taken from
    the table itself.
    """
    layer = Layer("all", "linear", (1, 10_280_000), neurons=921_600, neuron="all")
    workload = Workload("VGG-9 as in the table", (3, 48, 48), (layer,))
    configuration = Configuration.uniform(workload, weight_bits=weight_bits, membrane_bits=membrane_bits)
    conventions = Conventions(weight_table="none", partial_sum_bits=partial_sum_bits)
    return estimate(workload, configuration, load_hardware("edge_asic_45nm"), conventions=conventions)


def test_the_totals_of_vgg9_are_the_published_ones_with_a_third_buffer() -> None:
    """48.58 and 3.75 MB, inferred: a partial sum for each neuron, 32 bit before and 8 bit after.

    The buffer is not the paper's word; this reading misses the printed totals by 0.2 % and 0.8 %.
    """
    dense, quantised = published_vgg9(32, 32, 32).total, published_vgg9(2, 1.58, 8).total
    assert dense.memory_bytes / MEGABYTE == pytest.approx(48.58, rel=0.01)
    assert quantised.memory_bytes / MEGABYTE == pytest.approx(3.75, rel=0.01)
    assert dense.memory_bytes / quantised.memory_bytes == pytest.approx(12.95, rel=0.01)


def test_the_released_vgg9_has_a_tenth_fewer_weights_than_the_table(vgg9: Workload) -> None:
    """The table's 41.12 MB are 10.28 million floats; the layer list of the released code makes 9.26 million."""
    channels = (3, 64, 128, 256, 256, 512, 512, 512, 512)
    convolutions = sum(9 * before * after for before, after in itertools.pairwise(channels))
    weights = sum(layer.weights for layer in vgg9.layers)
    assert weights == convolutions + 4608 * 10
    assert weights / 1e6 == pytest.approx(9.26, abs=0.005)
    assert 41.12 * MEGABYTE / 4 / weights == pytest.approx(1.11, abs=0.005)


def test_a_weight_of_the_released_vgg9_takes_a_sixteenth_at_two_bits(vgg9: Workload) -> None:
    """41.12 to 2.57 MB in the table: two bits instead of 32, and nothing beside the weights."""

    def megabytes(bits: float) -> float:
        conventions = Conventions(weight_table="none", parameter_bits=0)
        configuration = Configuration.uniform(vgg9, weight_bits=bits)
        total = estimate(vgg9, configuration, load_hardware("edge_asic_45nm"), conventions=conventions).total
        return total.weight_memory_bytes / MEGABYTE

    assert megabytes(32) / megabytes(2) == pytest.approx(41.12 / 2.57)
