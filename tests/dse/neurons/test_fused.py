"""The compiled kernel against autograd through the plain torch reference."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from cost_models import InputError
from dse.neurons import LIF, SURROGATES, LIFDynamics, Timeline, fused
from dse.neurons.dynamics import lif_over_time


def both(current: Tensor, steps: int, static: bool, dynamics: LIFDynamics, pool: int) -> tuple[Tensor, ...]:
    """Spikes and gradients: of the reference, then of the kernel."""
    weights = None
    results = []
    for run in ("torch", "kernel"):
        leaf = current.detach().clone().requires_grad_()
        if run == "torch":
            output = lif_over_time(leaf, steps, static, dynamics)
            output = functional.avg_pool2d(output, pool) if pool > 1 else output
        else:
            output = fused.lif_over_time(leaf, steps, static, dynamics, pool)
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)) if weights is None else weights
        output.backward(weights)
        results += [output.detach(), leaf.grad]
    return tuple(results)


def currents(*shape: int, seed: int = 0) -> Tensor:
    return 0.9 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 0.4


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("bits", [1, 1.58, 2, 3, 4, 8, 32])
def test_the_kernel_agrees_with_autograd_of_the_reference(surrogate, reset, detach_reset, bits):
    for gradient, (leak, threshold) in itertools.product(("stacked", "straight_through"), ((0.5, 1.0), (0.8, 0.7))):
        dynamics = LIFDynamics(leak, threshold, reset, surrogate, bits, gradient, detach_reset=detach_reset)
        for static, pool in itertools.product((True, False), (1, 2)):
            shape = (3 if static else 12, 2, 6, 10)
            spikes, slopes, kernel_spikes, kernel_slopes = both(currents(*shape), 4, static, dynamics, pool)
            assert torch.equal(spikes, kernel_spikes)
            torch.testing.assert_close(kernel_slopes, slopes, atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    steps=st.integers(1, 7),
    batch=st.integers(1, 5),
    channels=st.integers(1, 4),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    static=st.booleans(),
    pool=st.sampled_from([1, 2]),
    bits=st.sampled_from([1.58, 3, 32]),
)
def test_any_shape_gives_what_the_reference_gives(steps, batch, channels, height, width, static, pool, bits):
    current = currents(batch if static else steps * batch, channels, pool * height, pool * width)
    dynamics = LIFDynamics(membrane_bits=bits)
    spikes, slopes, kernel_spikes, kernel_slopes = both(current, steps, static, dynamics, pool)
    assert torch.equal(spikes, kernel_spikes)
    torch.testing.assert_close(kernel_slopes, slopes, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 3000), (8, 5, 64, 64), (8, 1, 2, 4096)])
def test_layers_larger_than_one_chunk_agree_too(shape):
    dynamics = LIFDynamics(membrane_bits=1.58)
    pool = 2 if len(shape) == 4 else 1
    spikes, slopes, kernel_spikes, kernel_slopes = both(currents(*shape), 4, False, dynamics, pool)
    assert torch.equal(spikes, kernel_spikes)
    torch.testing.assert_close(kernel_slopes, slopes, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bits", [1.58, 3, 8, 32])
def test_extreme_currents_give_finite_gradients(bits):
    current = torch.tensor([[-1e30, -1e4, -100.0, 0.0, 100.0, 1e4, 1e30]] * 4)
    _, slopes, _, kernel_slopes = both(current, 4, False, LIFDynamics(membrane_bits=bits), 1)
    assert kernel_slopes.isfinite().all()
    torch.testing.assert_close(kernel_slopes, slopes, atol=1e-5, rtol=1e-5)


def test_only_the_currents_are_kept_for_the_way_back():
    current = currents(2, 4, 6, 6).requires_grad_()
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        fused.lif_over_time(current, 5, True, LIFDynamics(), 2)
    assert [tensor.data_ptr() for tensor in kept] == [current.data_ptr()]


def test_currents_that_are_not_contiguous_are_handled():
    current = currents(4, 6, 6, 3).permute(0, 3, 1, 2)
    dynamics = LIFDynamics()
    expected = functional.avg_pool2d(lif_over_time(current, 2, False, dynamics), 2)
    assert torch.equal(fused.lif_over_time(current, 2, False, dynamics, 2), expected)


@pytest.mark.parametrize("size", [(7, 7), (6, 5), (5, 6), (3, 2)])
@pytest.mark.parametrize("static", [True, False])
def test_an_odd_size_gives_the_same_in_both_engines(size, static):
    outputs, slopes = [], []
    for engine in ("torch", "numba"):
        neuron = LIF(pool=2, engine=engine)
        neuron.timeline = Timeline(steps=3, batch=2)
        current = currents(2 if static else 6, 3, *size).requires_grad_()
        output = neuron(current)
        output.square().sum().backward()
        outputs.append(output)
        slopes.append(current.grad)
    assert torch.equal(*outputs)
    torch.testing.assert_close(*slopes, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("current", [torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3, device="meta")])
def test_what_the_kernel_cannot_take_falls_back_to_torch(current):
    assert LIF()(current).shape == current.shape
    with pytest.raises(InputError, match="the neuron's engine is 'numba', but the tensor is"):
        LIF(engine="numba")(current)


def test_without_numba_the_neuron_still_works(monkeypatch):
    monkeypatch.setattr(fused, "_kernel", lambda: None)
    assert LIF()(torch.tensor([[2.0]])).tolist() == [[1.0]]
    with pytest.raises(InputError, match="numba is not installed"):
        LIF(engine="numba")(torch.tensor([[2.0]]))


def test_the_kernel_knows_every_surrogate():
    assert set(fused._kernel().SURROGATE_CODES) == set(SURROGATES)
