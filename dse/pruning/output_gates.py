"""Gates that look at a layer's input and say which of its outputs are worth computing, at a price of their own.

A gate gives a score for each decision; an output is kept where its score is above a threshold. The threshold follows
the scores during training so that the share that was asked for is left out, and then stays.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

#: How fast the threshold follows the scores: the share of each batch in the running quantile.
FOLLOWING = 0.1


class OutputGate(nn.Module):
    """Leaves out a share ``ratio`` of a layer's outputs; counts in evaluation mode how many it kept."""

    threshold: Tensor

    def __init__(self, ratio: float) -> None:
        super().__init__()
        self.ratio = ratio
        self.register_buffer("threshold", torch.tensor(float("nan")))
        self.source: Tensor | None = None
        self.loss: Tensor | None = None
        self.kept = 0.0
        self.decided = 0

    @abstractmethod
    def scores(self, source: Tensor) -> Tensor:
        """The score of every decision, from the layer's input."""

    @abstractmethod
    def spread(self, decisions: Tensor, output: Tensor) -> Tensor:
        """The decisions in the shape of the layer's output (or one that broadcasts to it)."""

    @abstractmethod
    def macs(self, source_shape: tuple[int, ...]) -> int:
        """Operations of one time step, for an input of this shape without batch; an addition counts as one."""

    def train_on(self, scores: Tensor, output: Tensor) -> Tensor:
        """The decisions as training sees them, and what the gate itself learns from; here: nothing."""
        return (scores > self.threshold).to(output.dtype)

    def forward(self, output: Tensor) -> Tensor:
        """The layer's output, zero where it would not be computed; takes the layer's input from :attr:`source`."""
        source, self.source = self.source, None
        assert source is not None
        scores = self.scores(source.detach())
        if self.training:
            self._follow(scores.detach())
            return output * self.spread(self.train_on(scores, output), output)
        decisions = (scores > self.threshold).to(output.dtype)
        self.kept += float(decisions.sum())
        self.decided += decisions.numel()
        return output * self.spread(decisions, output)

    def reset_counts(self) -> None:
        """Forget what was counted."""
        self.kept, self.decided = 0.0, 0

    @property
    def left_out(self) -> float:
        """The share of outputs that was left out since the counts were reset."""
        return 1.0 - self.kept / self.decided if self.decided else 0.0

    def _follow(self, scores: Tensor) -> None:
        flat = scores.flatten()
        place = min(max(round(self.ratio * flat.numel()), 1), flat.numel())
        quantile = flat.kthvalue(place).values
        first = bool(self.threshold.isnan())
        self.threshold.copy_(quantile if first else torch.lerp(self.threshold, quantile, FOLLOWING))


class ChannelPredictor(OutputGate):
    """One decision for each sample, time step and output channel.

    Every fourth input channel, averaged over its places, softmax over these, then a linear map with bias to one score
    for each output channel. It learns, by binary cross-entropy and apart from the network, which channels make up the
    smallest set with a share ``mass`` of the sum of largest ReLU responses. Source: SpQuant-SNN's public code, after
    "Fire Together Wire Together" (CVPR 2022). Ours: the softmax is taken times the number of its channels, so that its
    mean is 1 whatever their number; and a channel is kept above the threshold that leaves out the share asked for,
    where the code keeps it at a score above 0.
    """

    def __init__(self, source_channels: int, channels: int, ratio: float, mass: float) -> None:
        super().__init__(ratio)
        self.mass = mass
        self.places = len(range(0, source_channels, 4))
        self.predictor = nn.Linear(self.places, channels)

    def scores(self, source: Tensor) -> Tensor:
        """(R, C) from (R, C_in, ...)."""
        pooled = source[:, ::4].flatten(2).mean(2) if source.ndim > 2 else source[:, ::4]
        scores: Tensor = self.predictor(functional.softmax(pooled, dim=1) * self.places)
        return scores

    def spread(self, decisions: Tensor, output: Tensor) -> Tensor:
        """The same decision at every place of a channel."""
        return decisions.reshape(*decisions.shape, *([1] * (output.ndim - 2)))

    def train_on(self, scores: Tensor, output: Tensor) -> Tensor:
        """Learn the target set; the network is trained with the decisions as constants."""
        self.loss = functional.binary_cross_entropy_with_logits(scores, target_channels(output.detach(), self.mass))
        return (scores.detach() > self.threshold).to(output.dtype)

    def macs(self, source_shape: tuple[int, ...]) -> int:
        """The sums over places and the linear map."""
        places = 1
        for size in source_shape[1:]:
            places *= size
        return self.places * (places if len(source_shape) > 1 else 0) + self.predictor.weight.numel()


def target_channels(output: Tensor, mass: float) -> Tensor:
    """1 for each channel of the smallest set whose largest ReLU responses reach ``mass`` of their sum: (R, C).

    >>> target_channels(torch.tensor([[3.0, 1.0, -9.0, 6.0]]), 0.85)
    tensor([[1., 0., 0., 1.]])
    """
    response = output.relu().flatten(2).amax(2) if output.ndim > 2 else output.relu()
    ordered, places = response.sort(dim=1, descending=True)
    before = ordered.cumsum(dim=1) - ordered
    chosen = (before < mass * ordered.sum(dim=1, keepdim=True)).to(output.dtype)
    return torch.zeros_like(response).scatter(1, places, chosen)


class BlockGate(OutputGate):
    """One decision for each sample, time step, output channel and 2x2 block of places.

    The layer's input, averaged over 2x2 blocks, through a 1x1 convolution: C_in x C_out / 4 operations a place against
    9 C_in x C_out of a 3x3 layer, so that the gate costs 1/36 of what it guards (a 3x3 one, as in "Dynamic Dual Gating"
    (ICCV 2021) and SpQuant-SNN's code, costs 1/4). The current is gated before it is computed and not, as there, the
    membrane behind it. The gradient passes the decision as through a logistic function; noise is left out.
    """

    def __init__(self, source_channels: int, channels: int, ratio: float) -> None:
        super().__init__(ratio)
        self.gate = nn.Conv2d(source_channels, channels, 1)

    def scores(self, source: Tensor) -> Tensor:
        """(R, C, H/2, W/2), the last odd row and column a block of their own."""
        scores: Tensor = self.gate(functional.avg_pool2d(source, 2, ceil_mode=True))
        return scores

    def spread(self, decisions: Tensor, output: Tensor) -> Tensor:
        """Each decision for the outputs of its block; blocks belong to output places by their share of the map."""
        return functional.interpolate(decisions, size=output.shape[-2:], mode="nearest")

    def train_on(self, scores: Tensor, output: Tensor) -> Tensor:
        """Hard decisions forwards, the logistic function of the distance to the threshold backwards."""
        soft = torch.sigmoid(scores - self.threshold)
        return (scores > self.threshold).to(output.dtype) - soft.detach() + soft

    def macs(self, source_shape: tuple[int, ...]) -> int:
        """The sums over blocks and the 1x1 convolution."""
        channels, height, width = source_shape
        blocks = -(-height // 2) * -(-width // 2)
        return channels * height * width + self.gate.weight.numel() * blocks


class GatedNorm(nn.Module):
    """A layer's batch norm with a gate behind it; takes the norm's place in the network."""

    def __init__(self, layer: str, norm: nn.Module, gate: OutputGate) -> None:
        super().__init__()
        self.layer = layer
        self.norm = norm
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """The norm's output where the gate lets it be computed, else zero."""
        result: Tensor = self.gate(self.norm(x))
        return result


def gated_norms(network: nn.Module) -> dict[str, GatedNorm]:
    """The gates of a network by the name of the layer that they guard."""
    return {module.layer: module for module in network.modules() if isinstance(module, GatedNorm)}
