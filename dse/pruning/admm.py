"""ADMM-NN: pruning, quantisation and both by the alternating direction method of multipliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from cost_models import Configuration, HardwareProfile, InputError, Workload, spend_where_it_pays
from cost_models.errors import check_count
from dse.pruning.method import LayerWeight, Progress
from dse.pruning.projected_quantization import ProjectedQuantization
from dse.pruning.selection import removed_count
from dse.pruning.splitting import SplitPruning, sparse_projection
from dse.quantizers import QuantizedWeight

QUANTIZATIONS = ("projected", "straight_through")


def admm_update(weight: Tensor, scaled: Tensor, removed: int) -> tuple[Tensor, Tensor]:
    """The second sub-problem and the dual update: Z is the sparse projection of W + U, then U grows by W - Z.

    ``scaled`` is U, the multiplier over rho. Source: Ren et al. 2019, Eq. 6 to 9.
    """
    copy = sparse_projection(weight + scaled, removed)
    return copy, scaled + weight - copy


def partial_ratio(target: float, step: int, steps: int) -> float:
    """The ratio after ``step`` of ``steps`` of progressive pruning: the share that is kept shrinks by the same factor.

    The geometric steps are ours; Ye et al. 2019 go in steps of other sizes (AlexNet: 15, 18, 21, then 24, 27, 30x).

    >>> [round(partial_ratio(0.99, step, 2), 4) for step in (1, 2)]
    [0.9, 0.99]
    """
    return target if step >= steps else 1.0 - (1.0 - target) ** (step / steps)


class ADMMPruning(SplitPruning):
    """ADMM pruning to the ratio of each layer, then masked retraining, and quantisation of what is left.

    ``rho`` is that of the paper, and ``rho_growth`` says how many times larger it is at the end of the splitting. 1 is
    the paper's constant rho, whose code takes 160,000 steps for LeNet-5; in the few hundred of a trial the ladder of
    the authors' later code was far better (LeNet-300-100 at 80x, 600 steps). ``steps`` above 1 prunes progressively:
    each part of the splitting ends in a partly pruned network, from which the next one starts with those weights masked
    (after Ye et al. 2019, who train three partial models and go on from the most accurate; one chain whose kept share
    shrinks evenly is our simplification). ``quantization``, after the pruning: "projected" retrains, pulls the weights
    that are left to the levels of the quantiser by ADMM too and fixes them little by little, as the paper does;
    "straight_through" rounds them in every step. Until the pruning is done weights are not rounded. With
    ``hardware_aware`` the ratios are first moved to where they save operations, and layers that pruning makes slower or
    larger restored to dense.
    """

    description: ClassVar[str] = "ADMM: weights are pulled to sparse copies, pruned hard and retrained; also quantises"
    source: ClassVar[str] = "Ren et al. 2019, ADMM-NN (ASPLOS); progressive: after Ye et al. 2019 (arXiv 1810.07378)"

    def __init__(
        self,
        rho: float = 3e-3,
        rho_growth: float = 100.0,
        splitting: float = 0.6,
        updates: int = 20,
        steps: int = 1,
        quantization: str = "projected",
        hardware_aware: bool = False,
    ) -> None:
        super().__init__("method.admm", rho, splitting, updates)
        if not isinstance(rho_growth, int | float) or not 0.0 < rho_growth < float("inf"):
            raise InputError(f"method.admm: rho_growth is {rho_growth!r}; it is a finite number above 0, 1 for none")
        check_count("method.admm: steps", steps, at_least=1)
        if steps > updates:
            raise InputError(f"method.admm: there are {steps} steps but only {updates} updates; each step needs one")
        if quantization not in QUANTIZATIONS:
            raise InputError(f"method.admm: quantization is {quantization!r}; it is one of {', '.join(QUANTIZATIONS)}")
        if not isinstance(hardware_aware, bool):
            raise InputError(f"method.admm: hardware_aware is {hardware_aware!r}; it is true or false")
        self._first_rho, self._growth = self.rho, float(rho_growth)
        self._steps, self._step = steps, 1
        self._splitting = splitting
        self._hardware_aware = hardware_aware
        self._projected = ProjectedQuantization() if quantization == "projected" else None
        self._rounding: Mapping[str, QuantizedWeight] = {}

    def plan(self, configuration: Configuration, workload: Workload, hardware: HardwareProfile) -> Configuration:
        """What is really trained: in the hardware-aware mode the ratios move between the layers."""
        return spend_where_it_pays(workload, configuration, hardware) if self._hardware_aware else configuration

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        """Put masks onto the layers that lose weights, and a place for fixed values onto those that are rounded."""
        super().attach(network, layers, configuration)
        if self._projected is not None:
            self._projected.attach(layers, configuration)

    def attach_rounding(self, rounding: Mapping[str, QuantizedWeight]) -> None:
        """Switch the rounding off until the pruning is done."""
        self._rounding = rounding
        for quantized in rounding.values():
            quantized.active = False

    def penalty(self) -> Tensor | None:
        """The quadratic term of the pruning, or after it that of the quantisation."""
        if not self._masks.frozen or self._projected is None:
            return super().penalty()
        return self._projected.penalty(self.rho)

    def update(self, progress: Progress) -> None:
        """Prune during the splitting; after it, quantise."""
        if not self._masks.frozen:
            super().update(progress)
        elif self._projected is not None and self._rounding:
            self._projected.update((progress.share - self._splitting) / (1.0 - self._splitting))

    def settle(self) -> None:
        """Make what is left final: prune hard if need be, and put every rounded weight onto a level."""
        super().settle()
        if self._projected is not None and self._rounding:
            self._projected.settle()

    def _iterate(self, share: float) -> None:
        if share * self._steps >= self._step:
            self._prune_partly()
        else:
            self._grow_rho(share)
            for name, weight in self._trained().items():
                removed = removed_count(weight.numel(), self._ratio(name))
                self._copies[name], self._scaled[name] = admm_update(weight.detach(), self._scaled[name], removed)

    def _grow_rho(self, share: float) -> None:
        """The multiplier itself does not change with rho, so its scaled form does."""
        rho = self._first_rho * self._growth**share
        self._scaled = {name: own * (self.rho / rho) for name, own in self._scaled.items()}
        self.rho = rho

    def _prune_partly(self) -> None:
        ratios = {name: self._ratio(name) for name in self._masks.pruned}
        self._masks.remove_smallest(self._masks.size_of_kept, ratios)
        self._step += 1
        self._start_split()

    def _prune_hard(self) -> None:
        super()._prune_hard()
        self.rho = self._first_rho
        if self._projected is not None:
            self._projected.start(self._rounding)
        else:
            for quantized in self._rounding.values():
                quantized.active = True

    def _ratio(self, layer: str) -> float:
        return partial_ratio(self._masks.ratios[layer], self._step, self._steps)
