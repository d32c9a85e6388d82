"""AutoPrune: which weights or neurons stay is learned by gradient descent on auxiliary parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cost_models import Configuration, InputError, unknown_name
from dse.pruning.coarse_gradients import COARSE_GRADIENTS
from dse.pruning.learned_mask import RULES, UNITS, LearnedMask, indicator
from dse.pruning.masked import MaskedPruning
from dse.pruning.masks import LayerMasks
from dse.pruning.method import LayerWeight, Progress
from dse.pruning.neuron_gate import NeuronMask, belonging_to_neurons, put_gate
from dse.pruning.schedule import Ramp, cubic_ratio
from dse.pruning.selection import removed_count, smallest

RATIOS = ("proposed", "own")
STARTS = ("noise", "magnitude")
#: All units start alive: a normal with mean 0.2 and deviation 0.1, truncated to this range. Source: public code.
START_MEAN, START_DEVIATION, START_RANGE = 0.2, 0.1, (0.1, 0.3)


class AutoPrune(MaskedPruning):
    """Keeps a unit while its auxiliary parameter m is positive; m follows a coarse gradient of the loss and a push.

    A removed weight keeps its value and gets no gradient, while its m still does: it can come back as it was
    (``recovered_share``). After the share ``learn`` of the training the masks are frozen and the rest is masked
    retraining. With ``ratios = "own"`` the push ``regularisation`` (mu) alone decides how much is left, and the ratios
    of the configuration are upper bounds. With ``ratios = "proposed"`` they are met exactly: the push of a layer, a
    constant on all of its m as with the linear coarse gradient, then has at each of ``updates`` points of a cubic ramp
    the size that leaves the scheduled number alive (inferred: the published method has no targets per layer).

    ``units = "neurons"`` removes output neurons (channels) with their bias, and with the scale and shift of the batch
    norm behind them, so that nothing comes out. While m learns, what they give out is multiplied by h(m), and weights,
    bias and norm stay as they are; how much a removed neuron's m learns depends on where the gate can sit
    (:func:`dse.pruning.neuron_gate.put_gate`). m moves by gradient descent with ``momentum`` at ``learning_rate``.
    ``start`` orders the first m: "noise" as in public code, "magnitude" by |w| (for neurons the norm) over the same
    range. The alternation of two data splits for w and m is left out: both learn on the training split (inferred).
    """

    description: ClassVar[str] = "learns which weights or neurons stay, by trainable masks with a coarse gradient"
    source: ClassVar[str] = "Xiao, Wang, Rajasekaran, NeurIPS 2019 (abstract and related code)"

    def __init__(
        self,
        ratios: str = "proposed",
        regularisation: float = 1e-3,
        coarse_gradient: str = "softplus",
        rule: str = "sign",
        units: str = "weights",
        start: str = "magnitude",
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        learn: float = 0.7,
        updates: int = 40,
    ) -> None:
        named = {"ratios": RATIOS, "rule": RULES, "units": UNITS, "start": STARTS}
        for key, value in {"ratios": ratios, "rule": rule, "units": units, "start": start}.items():
            if value not in named[key]:
                raise InputError("method.autoprune: " + unknown_name(f"value of {key}", str(value), named[key]))
        numbers = {"regularisation": regularisation, "learning_rate": learning_rate, "momentum": momentum}
        for key, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0.0 <= number < float("inf"):
                raise InputError(f"method.autoprune: {key} is {number!r}; it is a finite number of at least 0")
        if not 0.0 < learn <= 1.0:
            raise InputError(f"method.autoprune: learn is {learn!r}; it is a share of the training, above 0, at most 1")
        self.learns_ratios = ratios == "own"
        self.granularity = "weight" if units == "weights" else "channel"
        self._regularisation = float(regularisation)
        self._coarse = COARSE_GRADIENTS[coarse_gradient]
        self._make_mask = partial(LearnedMask, units=units, coarse=self._coarse, rule=rule)
        self._start = start
        self._learning_rate, self._momentum, self._learn = float(learning_rate), float(momentum), float(learn)
        # The ramp ends at two thirds of the learning, so that m can still choose among units at the final number.
        self._ramp = Ramp("method.autoprune", learn * 2.0 / 3.0, updates)
        self._learned: dict[str, LearnedMask] = {}
        self._of_neurons: list[LayerWeight] = []
        self._gates: list[RemovableHandle] = []

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put a learned mask onto every layer that may lose weights; where neurons go, onto all that is theirs."""
        self._masks = LayerMasks(layers, configuration, self._make_mask)
        masks = {name: self._masks.mask(name) for name in self._masks.pruned}
        self._learned = {name: mask for name, mask in masks.items() if isinstance(mask, LearnedMask)}
        if self.granularity == "channel":
            last = list(layers)[-1]
            if last in self._learned:
                raise InputError(f"{last}: its neurons are the network's outputs; fix its pruning_ratio at 0")
            for name, mask in self._learned.items():
                self._gates.append(put_gate(name, network, layers[name].module, mask))
                for own in belonging_to_neurons(network, layers[name].module):
                    own.register(NeuronMask(mask))
                    self._of_neurons.append(own)
        auxiliaries = self.own_parameters()
        self._optimizer = (
            torch.optim.SGD(auxiliaries, lr=self._learning_rate, momentum=self._momentum) if auxiliaries else None
        )

    def own_parameters(self) -> tuple[nn.Parameter, ...]:
        """All m."""
        return tuple(mask.auxiliary for mask in self._learned.values() if mask.auxiliary is not None)

    def update(self, progress: Progress) -> None:
        """Move all m by one step; at the end of the learning freeze the masks."""
        if self._masks.frozen:
            return
        if progress.step == 0:
            self._place()
        self._descend()
        if not self.learns_ratios and (reached := self._ramp.advance(progress.share)) is not None:
            self._push_to(reached)
        for name, mask in self._learned.items():
            self._masks.remove(name, mask.over_weights(_of(mask) <= 0.0))
        if progress.share >= self._learn:
            self._freeze()

    def settle(self) -> None:
        """Freeze the masks if the training ended before the learning did, and give biases and norms final values."""
        if not self._masks.frozen:
            self._freeze()
        for own in self._of_neurons:
            own.make_plain()

    def metrics(self) -> dict[str, float]:
        """Recoverability: the share of the weights once removed that came back."""
        return {"recovered_share": self._masks.recovered_share()}

    def _place(self) -> None:
        """The first m, drawn within the training, so that the training's seed decides it."""
        for name, mask in self._learned.items():
            m = _of(mask)
            if self._start == "noise":
                nn.init.trunc_normal_(m, START_MEAN, START_DEVIATION, *START_RANGE)
            else:
                weight = self._masks.layers[name].trained.detach()
                size = weight.abs() if m.shape == weight.shape else weight.flatten(1).norm(dim=1)
                rank = torch.empty(m.numel(), dtype=m.dtype, device=m.device)
                rank[size.flatten().argsort(stable=True)] = torch.linspace(
                    *START_RANGE, m.numel(), dtype=m.dtype, device=m.device
                )
                m.copy_(rank.reshape(m.shape))

    def _descend(self) -> None:
        if self._optimizer is None:
            return
        for mask in self._learned.values():
            if self.learns_ratios and mask.auxiliary is not None and mask.auxiliary.grad is not None:
                # mu * sum h(m), through the same coarse gradient. The form of the paper's regulariser is inferred.
                mask.auxiliary.grad.add_(self._coarse(_of(mask)), alpha=self._regularisation)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _push_to(self, share_of_ramp: float) -> None:
        """Shift all m of each layer so that exactly the scheduled number is alive."""
        for name, mask in self._learned.items():
            m = _of(mask)
            count = removed_count(m.numel(), cubic_ratio(self._masks.ratios[name], share_of_ramp, 1.0))
            if count:
                least = m.flatten().kthvalue(count).values
                m.sub_(least)

    def _freeze(self) -> None:
        for name, mask in self._learned.items():
            m = _of(mask)
            count = removed_count(m.numel(), self._masks.ratios[name])
            if self.learns_ratios:
                count = min(count, int((indicator(m) == 0.0).sum()))
            self._masks.remove(name, mask.over_weights(smallest(m, count)))
            mask.fix()
        for gate in self._gates:
            gate.remove()
        self._masks.freeze()
        self._optimizer = None


def _of(mask: LearnedMask) -> Tensor:
    assert mask.auxiliary is not None
    return mask.auxiliary.detach()
