"""The float rule of a layer whose sums are integers: codes and inputs are whole numbers, scales come after the sum.

A float32 sum of whole numbers below 2^24 is exact in any order, so that what the float network computes is a function
of one integer for each neuron, and integer-only inference can take its thresholds from that function itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Whole numbers below this are exact in float32.
EXACT_BELOW = 1 << 24


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a convolution walks; a linear layer has None instead."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


class ExactSum(nn.Module):
    """A convolution or linear layer, and the batch norm behind it: ``sum of codes x inputs``, x ``scale``, + ``shift``.

    ``codes`` are the weights' integers; an input is a whole number of ``1 / input_units``, at most ``largest_input`` of
    them. ``scale`` and ``shift`` are float32, one for each output channel or one in all; both operations are rounded
    once, as IEEE 754 says, on every machine. ``shift_first`` (the read-out) adds before it scales. ``weight`` keeps the
    float weights for those who ask the layer for them; it is not computed with.
    """

    codes: Tensor
    scale: Tensor
    shift: Tensor
    codebook: Tensor
    kept: Tensor

    def __init__(
        self,
        codes: Tensor,
        scale: Tensor,
        shift: Tensor,
        geometry: Geometry | None,
        *,
        input_units: int,
        largest_input: int,
        weight: Tensor,
        shift_first: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("codes", codes.to(torch.float32))
        self.register_buffer("scale", scale.to(torch.float32).reshape(-1))
        self.register_buffer("shift", shift.to(torch.float32).reshape(-1))
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.geometry = geometry
        self.input_units = input_units
        self.largest_input = largest_input
        self.shift_first = shift_first
        self._following = False

    def follow_weight(self, following: bool) -> None:
        """Whether ``weight`` is trained and the codes follow it; afterwards they stand where it led them.

        The weight then counts in codes: it starts at them, and each code is the nearest of those that were there.
        Zeros stay.
        """
        if following:
            self.register_buffer("codebook", torch.unique(self.codes), persistent=False)
            self.register_buffer("kept", (self.codes != 0).to(torch.float32), persistent=False)
            self.weight.data = self.codes.clone()
        else:
            with torch.no_grad():
                self.codes.copy_(self._nearest() * self.kept)
        self._following = following
        self.weight.requires_grad_(following)

    def _nearest(self) -> Tensor:
        middle = (self.codebook[1:] + self.codebook[:-1]) / 2
        return self.codebook[torch.bucketize(self.weight, middle)]

    def sums(self, x: Tensor) -> Tensor:
        """The integer sums, as float32 (R, O, ...). Rounding changes nothing on a CPU; on a GPU it undoes TF32."""
        if self._following:
            # Straight through to the weight and to the input, which are whole numbers already.
            codes = (self.weight + (self._nearest() - self.weight).detach()) * self.kept
            return self._sum(x * self.input_units, codes)
        return torch.round(self._sum(torch.round(x * self.input_units), self.codes))

    def _sum(self, x: Tensor, codes: Tensor) -> Tensor:
        if (g := self.geometry) is None:
            return functional.linear(x, codes)
        return functional.conv2d(x, codes, None, g.stride, g.padding, g.dilation, g.groups)

    def forward(self, x: Tensor) -> Tensor:
        """The neurons' input currents, or the read-out's outputs."""
        return self.from_sums(self.sums(x))

    def from_sums(self, sums: Tensor, channel: int | None = None) -> Tensor:
        """What the layer gives for these integer sums (R, O, ...); with ``channel`` they are all of that channel."""
        scale, shift = (
            part if len(part) == 1 else part[slice(None) if channel is None else channel]
            for part in (self.scale, self.shift)
        )
        if channel is None:
            scale, shift = (part.reshape(-1, *(1 for _ in sums.shape[2:])) for part in (scale, shift))
        return (sums + shift) * scale if self.shift_first else sums * scale + shift

    def extra_repr(self) -> str:
        """Shown where a module is printed."""
        return f"{tuple(self.codes.shape)}, input_units={self.input_units}, {self.geometry}"
