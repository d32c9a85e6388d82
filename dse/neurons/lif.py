"""The layer of leaky integrate-and-fire neurons."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor
from torch.nn import functional

from cost_models import InputError, unknown_name
from dse.neurons import fused
from dse.neurons.dynamics import LIFDynamics, lif_over_time
from dse.neurons.neuron import SpikingNeuron

POOLS = (1, 2)
ENGINES = ("auto", "torch", "numba")


class LIF(SpikingNeuron):
    """A layer of leaky integrate-and-fire neurons, with an optional 2x2 average pool of the spikes behind it.

    ``leak`` share of the membrane kept from step to step; ``reset`` ``"hard"`` (to zero) or ``"soft"`` (by the
    threshold); ``surrogate`` a name in ``SURROGATES``; ``membrane_bits`` 32 (off), 1.58 (ternary) or a whole number
    (see :class:`MembraneGrid`), may be set at any time; ``membrane_gradient`` ``"stacked"`` or ``"straight_through"``;
    ``detach_reset`` treats the reset as a constant backwards; ``engine`` ``"auto"`` (the fused kernel where it applies:
    float32 on the CPU), ``"torch"`` or ``"numba"``. Wrong values raise :class:`cost_models.InputError`.

    >>> import torch
    >>> LIF(membrane_bits=1.58)(torch.tensor([[0.4, 1.4]]))
    tensor([[0., 1.]])
    """

    def __init__(
        self,
        leak: float = 0.5,
        threshold: float = 1.0,
        reset: str = "hard",
        surrogate: str = "triangle",
        pool: int = 1,
        membrane_bits: float = 32,
        detach_reset: bool = True,
        membrane_gradient: str = "stacked",
        engine: str = "auto",
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise InputError(f"pool is {pool!r}; the pool behind a neuron is 1 (none) or 2")
        if engine not in ENGINES:
            raise InputError(unknown_name("engine", engine, ENGINES))
        self.pool = pool
        self.engine = engine
        self.dynamics = LIFDynamics(
            leak, threshold, reset, surrogate, membrane_bits, membrane_gradient, detach_reset=detach_reset
        )

    @property
    def membrane_bits(self) -> float:
        """Bit width of the stored membrane; 32 is off."""
        return self.dynamics.membrane_bits

    @membrane_bits.setter
    def membrane_bits(self, bits: float) -> None:
        self.dynamics = replace(self.dynamics, membrane_bits=bits)

    def forward(self, current: Tensor) -> Tensor:
        """Spikes ``(T * B, ...)`` from currents ``(T * B, ...)`` or ``(B, ...)``; 2x2 blocks averaged if ``pool=2``.

        As with any pool, an odd last row or column of neurons has no output.
        """
        static, steps = self.timeline.is_static(current.shape[0]), self.timeline.steps
        if self.pool > 1:
            current = self._pooled_part(current)
        if self._is_fused(current):
            output = fused.lif_over_time(current, steps, static, self.dynamics, self.pool)
            if self.activity is not None:
                blocks = self.pool**2
                self.activity.add(blocks * float(output.detach().sum()), blocks * output.numel(), output)
            return output
        spikes = lif_over_time(current, steps, static, self.dynamics)
        output = spikes if self.pool == 1 else functional.avg_pool2d(spikes, self.pool)
        if self.activity is not None:
            self.activity.add(float(spikes.detach().sum()), spikes.numel(), output)
        return output

    def _pooled_part(self, current: Tensor) -> Tensor:
        if current.ndim < 3 or min(current.shape[-2:]) < self.pool:
            size = "x".join(map(str, current.shape[1:]))
            raise InputError(
                f"a neuron with pool={self.pool} got {size} values a sample; it needs {self.pool}x{self.pool}"
            )
        if self.activity is not None:
            # The neurons that no block covers spike too: they are counted.
            return current
        height, width = (size - size % self.pool for size in current.shape[-2:])
        return current[..., :height, :width]

    def _is_fused(self, current: Tensor) -> bool:
        if self.engine == "torch":
            return False
        obstacle = fused.obstacle(current, self.dynamics, self.pool)
        if obstacle and self.engine == "numba" and self.activity is None:
            raise InputError(f"the neuron's engine is 'numba', but {obstacle}; use 'auto'")
        return not obstacle

    def extra_repr(self) -> str:
        """The rules, shown where a module is printed."""
        d = self.dynamics
        rules = f"leak={d.leak}, threshold={d.threshold}, reset={d.reset!r}, surrogate={d.surrogate!r}"
        return f"{rules}, pool={self.pool}, membrane_bits={d.membrane_bits}"
