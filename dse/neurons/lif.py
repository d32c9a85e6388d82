"""The layer of leaky integrate-and-fire neurons."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from cost_models import InputError, unknown_name
from dse.neurons import compiled, fused
from dse.neurons.dynamics import LIFDynamics, lif_over_time, masked_positions
from dse.neurons.learned_threshold import SMALLEST_SHARE
from dse.neurons.neuron import SpikingNeuron

POOLS = (1, 2)
ENGINES = ("auto", "torch", "numba", "compiled")


class LIF(SpikingNeuron):
    """A layer of leaky integrate-and-fire neurons, with an optional 2x2 average pool of the spikes behind it.

    ``leak`` share of the membrane kept from step to step; ``reset`` ``"hard"`` (to zero) or ``"soft"`` (by the
    threshold); ``surrogate`` a name in ``SURROGATES``; ``membrane_bits`` 32 (off), 1.58 (ternary) or a whole number
    (see :class:`MembraneGrid`), may be set at any time, as may ``membrane_quantizer``, a name in
    ``MEMBRANE_QUANTIZERS``; ``membrane_mask`` ``"none"``, ``"skip"`` or ``"hold"`` (see :class:`LIFDynamics`);
    ``learn_threshold`` trains the threshold, one number for the layer that starts at ``threshold``
    (:mod:`dse.neurons.learned_threshold`); ``detach_reset`` treats the reset as a constant backwards; ``engine``
    ``"auto"`` (the fused kernel where it applies: float32 on the CPU; elsewhere plain torch), ``"torch"``, ``"numba"``
    or ``"compiled"`` (:mod:`dse.neurons.compiled`, for long trainings on a GPU). Wrong values raise
    :class:`cost_models.InputError`.

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
        membrane_quantizer: str = "stacked",
        membrane_mask: str = "none",
        learn_threshold: bool = False,
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
            leak, threshold, reset, surrogate, membrane_bits, membrane_quantizer, detach_reset, membrane_mask
        )
        self._first_threshold = self.dynamics.threshold
        self.threshold = nn.Parameter(torch.tensor(float(threshold))) if learn_threshold else None

    @property
    def membrane_bits(self) -> float:
        """Bit width of the stored membrane; 32 is off."""
        return self.dynamics.membrane_bits

    @membrane_bits.setter
    def membrane_bits(self, bits: float) -> None:
        self.dynamics = replace(self.dynamics, membrane_bits=bits)

    @property
    def membrane_quantizer(self) -> str:
        """The name of how the membrane is stored."""
        return self.dynamics.membrane_quantizer

    @membrane_quantizer.setter
    def membrane_quantizer(self, name: str) -> None:
        self.dynamics = replace(self.dynamics, membrane_quantizer=name)

    @property
    def membrane_mask(self) -> str:
        """What a negative stored membrane does to the next current."""
        return self.dynamics.membrane_mask

    @membrane_mask.setter
    def membrane_mask(self, name: str) -> None:
        self.dynamics = replace(self.dynamics, membrane_mask=name)

    def set_membrane_unit(self, unit: float) -> None:
        """Tell what weight code 1 of the layer in front is worth, for a membrane quantizer that shares its scale."""
        if unit != self.dynamics.membrane_unit:
            self.dynamics = replace(self.dynamics, membrane_unit=unit)

    def fix_threshold(self) -> None:
        """Train the threshold no longer, and keep it where it stands."""
        self.dynamics = self.present_dynamics()
        self.threshold = None

    def present_dynamics(self) -> LIFDynamics:
        """The rules with a learned threshold at its present value."""
        if self.threshold is None or self.threshold.is_meta:
            return self.dynamics
        value = max(float(self.threshold.detach()), SMALLEST_SHARE * self._first_threshold)
        if value != self.dynamics.threshold:
            self.dynamics = replace(self.dynamics, threshold=value)
        return self.dynamics

    def forward(self, current: Tensor) -> Tensor:
        """Spikes ``(T * B, ...)`` from currents ``(T * B, ...)`` or ``(B, ...)``; 2x2 blocks averaged if ``pool=2``.

        As with any pool, an odd last row or column of neurons has no output.
        """
        static, steps = self.timeline.is_static(current.shape[0]), self.timeline.steps
        dynamics = self.present_dynamics()
        if self.pool > 1:
            current = self._pooled_part(current)
        if self.activity is not None and dynamics.membrane_mask != "none":
            self.activity.masked += masked_positions(current, steps, static, dynamics)
        if self._is_fused(current):
            output = fused.lif_over_time(current, steps, static, dynamics, self.pool, self.threshold)
            if self.activity is not None:
                blocks = self.pool**2
                self.activity.add(blocks * float(output.detach().sum()), blocks * output.numel(), output)
            return output
        if self.engine == "compiled" and not compiled.obstacle(current, dynamics, self.threshold is not None):
            spikes = compiled.lif_over_time(current, steps, static, dynamics)
        else:
            spikes = lif_over_time(current, steps, static, dynamics, self.threshold)
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
        if self.engine in ("torch", "compiled"):
            return False
        obstacle = fused.obstacle(current, self.dynamics, self.pool)
        if obstacle and self.engine == "numba" and self.activity is None:
            raise InputError(f"the neuron's engine is 'numba', but {obstacle}; use 'auto'")
        return not obstacle

    def extra_repr(self) -> str:
        """The rules, shown where a module is printed."""
        d = self.dynamics
        rules = f"leak={d.leak}, threshold={d.threshold}, reset={d.reset!r}, surrogate={d.surrogate!r}"
        more = "" if d.membrane_mask == "none" else f", membrane_mask={d.membrane_mask!r}"
        return f"{rules}, pool={self.pool}, membrane_bits={d.membrane_bits}{more}"
