"""Time of sparse against dense execution of a layer in the same silicon, and where the two are equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cost_models.memory import Numbers, entries_per_weight


@dataclass(frozen=True, slots=True)
class AreaModel:
    """A dense and a sparse design of one layer in the same silicon area, in shares of that area.

    The dense design spends ``weight_share`` on SRAM for weights, ``feature_share`` on SRAM for features and the rest on
    processing elements. The sparse one keeps the feature SRAM, stores density d of the weights with a relative index
    (``index_bits`` beside ``weight_bits``, fillers included), and fills what is left with elements that are
    ``element_area`` times as large (index decoding) and run at ``clock_ratio`` of the clock. See :func:`area_speedup`.
    """

    weight_share: float
    feature_share: float
    weight_bits: int
    index_bits: int
    element_area: float
    clock_ratio: float


@dataclass(frozen=True, slots=True)
class SparseSupport:
    """What the hardware does about zeros.

    Sparse execution of a layer pruned to density d takes ``d / (clock_ratio * element_ratio * load_balance)`` of the
    dense time, or follows ``area`` (:class:`AreaModel`), or what ``measured_speedup`` says: points ``(pruning_ratio,
    speed-up)`` read off a published curve. The most specific one that is given holds.
    """

    zero_weights: bool = False
    zero_inputs: bool = False
    index_decode_joules: float = 0.0
    clock_ratio: float = 1.0
    element_ratio: float = 1.0
    load_balance: float = 1.0
    area: AreaModel | None = None
    measured_speedup: tuple[tuple[float, float], ...] = ()


def area_speedup(area: AreaModel, density: Numbers) -> Numbers:
    """Speed-up of the sparse design over the dense one in the same area, at density d.

    Dense: ``1 - w - f`` of the area holds n elements, w the weights, f the features. Sparse: the weights take
    ``w d F(d, k) (b + k) / b`` (b weight bits, k index bits, F entries for each kept weight, fillers included), which
    leaves ``a = 1 - f - w d F (b + k) / b`` for elements of area e; n' = n a / ((1 - w - f) e) of them fit. Each works
    at c of the clock on d F as many entries, so that

    ``speed-up = c n' / (n d F)``.

    Never below 1/1000, the speed of a design with (nearly) no element left.
    """
    entries = density * entries_per_weight(density, area.index_bits)
    weights = area.weight_share * entries * (area.weight_bits + area.index_bits) / area.weight_bits
    left = (1.0 - area.feature_share - weights) / area.element_area
    dense = 1.0 - area.weight_share - area.feature_share
    return np.maximum(area.clock_ratio * left / (dense * entries), 1e-3)


def sparse_time_factor(sparse: SparseSupport, pruning_ratio: Numbers) -> Numbers:
    """Time of sparse execution over time of dense execution on the same silicon; below 1 sparsity pays.

    With three losses of a sparse design (share of the clock c, of the processing elements e and of their load l that is
    left beside index decoding) density d takes d / (c e l). A measured curve is interpolated linearly, held below its
    first point, and continued beyond its last with that point's time for each kept weight.
    """
    density = 1.0 - pruning_ratio
    if sparse.measured_speedup:
        ratios, speedups = (np.array(values) for values in zip(*sparse.measured_speedup, strict=True))
        within = np.interp(pruning_ratio, ratios, speedups)
        last = speedups[-1] * (1.0 - ratios[-1])
        speedup: Numbers = np.where(pruning_ratio > ratios[-1], last / density, within)
        return 1.0 / speedup
    if sparse.area is not None:
        return 1.0 / area_speedup(sparse.area, density)
    return density / (sparse.clock_ratio * sparse.element_ratio * sparse.load_balance)


def speed_break_even(sparse: SparseSupport) -> float | None:
    """The smallest pruning ratio from which on sparse execution is no slower than dense; None where there is none.

    With the three losses the relative time d / (c e l) is 1 at d = c e l, so the ratio is 1 - c e l. On a measured
    curve it lies on the last piece that rises to a speed-up of 1: x0 + (1 - y0) (x1 - x0) / (y1 - y0) between two
    points, 1 - y (1 - x) beyond a last point (x, y) with y < 1, and 0 where no point is below 1, as the curve is held
    below its first point. The area model has no closed form because of the fillers; its time falls with the ratio, so
    the ratio is found by bisection.
    """
    if not sparse.zero_weights:
        return None
    if sparse.measured_speedup:
        return _curve_crossing(sparse.measured_speedup)
    if sparse.area is not None:
        return _bisected(sparse)
    return max(0.0, 1.0 - sparse.clock_ratio * sparse.element_ratio * sparse.load_balance)


def _curve_crossing(points: tuple[tuple[float, float], ...]) -> float:
    x1, y1 = points[-1]
    if y1 < 1.0:
        return 1.0 - y1 * (1.0 - x1)
    for x0, y0 in reversed(points[:-1]):
        if y0 < 1.0:
            return x0 + (1.0 - y0) * (x1 - x0) / (y1 - y0)
        x1, y1 = x0, y0
    return 0.0


def _bisected(sparse: SparseSupport) -> float | None:
    low, high = 0.0, 1.0 - 1e-6

    def pays(ratio: float) -> bool:
        return bool(sparse_time_factor(sparse, np.array([ratio]))[0] <= 1.0)

    if not pays(high):
        return None
    if pays(low):
        return 0.0
    while high - low > 1e-12:
        middle = (low + high) / 2.0
        low, high = (low, middle) if pays(middle) else (middle, high)
    return high
