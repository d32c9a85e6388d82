"""Hardware-aware ratios after ADMM-NN: pruning goes where it saves operations, not where it costs time or memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cost_models.break_even import restore_to_dense
from cost_models.configuration import Configuration
from cost_models.hardware import HardwareProfile
from cost_models.workload import Workload

#: Of its kept weights, what the layer with all operations of a network would lose first.
PREFERENCE = 0.5
#: How many times smaller than asked the others may become to pay for layers that are restored to dense.
MOST_FURTHER = 4.0


def spend_where_it_pays(workload: Workload, configuration: Configuration, hardware: HardwareProfile) -> Configuration:
    """The same number of kept weights, spent better; layers that are asked to stay dense stay so.

    First each pruned layer loses weights in proportion to its share of the operations, and all are scaled back to the
    number of weights that was asked for: convolutions end smaller, fully connected layers larger. Then every layer that
    is slower or larger than dense (:func:`cost_models.losing`) is restored to dense, and the others pay for it in equal
    measure, until no such layer is left. They pay with at most three quarters of their weights; where that is not
    enough, more weights are kept than asked for.

    Source: Ren et al. 2019, hardware-aware algorithm. There the ratios come from trainings with a binary search for no
    loss of accuracy, and the break-even ratio is one of speed alone, at the same silicon area; restoring a layer
    because it is larger in storage, doing all this within the budget of one trial, :data:`PREFERENCE` and
    :data:`MOST_FURTHER` are ours.
    """
    weights = {layer.name: layer.weights for layer in workload.compressible}
    kept = {
        budget.layer: (1.0 - budget.pruning_ratio) * weights[budget.layer]
        for budget in configuration.budgets
        if budget.pruning_ratio > 0.0
    }
    macs = sum(workload[name].macs for name in kept)
    total = sum(kept.values())
    preferred = {name: count * (1.0 - PREFERENCE * workload[name].macs / macs) for name, count in kept.items()}
    chosen = _with_kept(configuration, _scaled(preferred, total, weights), weights)
    dense: set[str] = set()
    while True:
        restored = restore_to_dense(workload, chosen, hardware)
        now = {name for name in kept if restored[name].pruning_ratio == 0.0}
        if now == dense:
            return restored
        dense = now
        others = {name: count for name, count in preferred.items() if name not in dense}
        left = total - sum(weights[name] for name in dense)
        least = sum(kept[name] for name in others) / MOST_FURTHER
        chosen = _with_kept(restored, _scaled(others, max(left, least), weights), weights)


def _scaled(shares: Mapping[str, float], total: float, weights: Mapping[str, int]) -> dict[str, float]:
    """Counts in proportion to ``shares`` that sum to ``total``, none above its layer's weights."""
    found: dict[str, float] = {}
    left = dict(shares)
    while left:
        factor = (total - sum(found.values())) / sum(left.values())
        full = [name for name, share in left.items() if factor * share >= weights[name]]
        if not full:
            return found | {name: factor * share for name, share in left.items()}
        for name in full:
            found[name] = float(weights[name])
            del left[name]
    return found


def _with_kept(configuration: Configuration, kept: Mapping[str, float], weights: Mapping[str, int]) -> Configuration:
    """The configuration with these numbers of kept weights, whole and at least one."""
    budgets = tuple(
        replace(budget, pruning_ratio=1.0 - max(round(kept[budget.layer]), 1) / weights[budget.layer])
        if budget.layer in kept
        else budget
        for budget in configuration.budgets
    )
    return replace(configuration, budgets=budgets)
