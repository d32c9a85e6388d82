"""The fused neuron: leak, fire, reset, quantise and 2x2 average pool over all time steps, in chunks that stay in cache.

Importing this module compiles it (once; the machine code is cached on disk), so it is imported only when first used.
All in one file, as numba's cache on disk notices a change only in the file of the compiled function.

One thread. Tensors are flat: ``steps`` blocks of one value a neuron, or one block if the current is static. Backwards
the membranes of a chunk are computed again from the currents, so nothing else has to be kept.

The forward rounding is that of the torch reference, bit for bit: no operation is contracted or reordered there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import boolean, float32, float64, int64, njit, void

F = np.float32
ZERO, ONE, HALF, QUARTER = F(0.0), F(1.0), F(0.5), F(0.25)
PI, LOG2_E = F(math.pi), F(math.log2(math.e))
# Measured: larger chunks, read as longer runs, pay until the membranes of all steps leave the second cache.
CHUNK = 4096

# Positions in the array of rules.
LEAK, THRESHOLD, HARD, SOFT, LOWEST, HIGHEST, PER_STEP, STEP, ATTACHED, MASK_BELOW, MASKED_LEAK, LEARNS = range(12)
RULES = 12
SURROGATE_CODES = {"triangle": 0, "rectangle": 1, "atan": 2, "sigmoid": 3, "fast_sigmoid": 4}
# How the gradient passes the membrane grid: as it is, by a sum over boundaries, by the closed form of a fine grid.
IDENTITY, BOUNDARIES, FINE_GRID = range(3)

_exact = njit(nogil=True, error_model="numpy")
# Derivatives only: these may be contracted, they meet the reference to 1e-6.
_smooth = njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})


@_smooth
def _power_of_two(exponent):  # type: ignore[no-untyped-def]
    """2 ** exponent to 2e-7 relative, for exponents within (-126, 126)."""
    whole = np.floor(exponent + HALF)
    part = exponent - whole
    value = F(0.0001546932)
    value = value * part + F(0.0013393045)
    value = value * part + F(0.0096181291)
    value = value * part + F(0.0555041087)
    value = value * part + F(0.2402265070)
    value = value * part + F(0.6931471806)
    value = value * part + ONE
    return value * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@_exact
def _fire(current, stored, spikes, rules):  # type: ignore[no-untyped-def]
    """One step without a grid: spikes and the new stored membrane, in place."""
    leak, threshold, hard, soft = rules[LEAK], rules[THRESHOLD], rules[HARD], rules[SOFT]
    for i in range(current.size):
        potential = leak * stored[i] + current[i]
        fired = ONE if potential > threshold else ZERO
        spikes[i] = fired
        stored[i] = potential * (ONE - fired * hard) - fired * soft


@_exact
def _fire_on_grid(current, stored, spikes, rules):  # type: ignore[no-untyped-def]
    """One step with a grid: spikes and the new stored membrane, in place."""
    leak, threshold, hard, soft = rules[LEAK], rules[THRESHOLD], rules[HARD], rules[SOFT]
    lowest, highest, per_step, step = rules[LOWEST], rules[HIGHEST], rules[PER_STEP], rules[STEP]
    for i in range(current.size):
        potential = leak * stored[i] + current[i]
        fired = ONE if potential > threshold else ZERO
        spikes[i] = fired
        kept = min(max(potential * (ONE - fired * hard) - fired * soft, lowest), highest)
        stored[i] = np.floor(kept * per_step + HALF) * step


@_exact
def _fire_masked(current, stored, spikes, rules, on_grid):  # type: ignore[no-untyped-def]
    """One step of neurons whose current is left out where the stored membrane is below the bound, in place."""
    leak, threshold, hard, soft = rules[LEAK], rules[THRESHOLD], rules[HARD], rules[SOFT]
    lowest, highest, per_step, step = rules[LOWEST], rules[HIGHEST], rules[PER_STEP], rules[STEP]
    below, masked_leak = rules[MASK_BELOW], rules[MASKED_LEAK]
    for i in range(current.size):
        open_ = leak * stored[i] + current[i]
        potential = masked_leak * stored[i] if stored[i] < below else open_
        fired = ONE if potential > threshold else ZERO
        spikes[i] = fired
        kept = potential * (ONE - fired * hard) - fired * soft
        stored[i] = np.floor(min(max(kept, lowest), highest) * per_step + HALF) * step if on_grid else kept


@_exact
def _pool(spikes, pairs, pooled, width):  # type: ignore[no-untyped-def]
    """Mean of 2x2 blocks of rows of ``width``; ``pairs`` is scratch."""
    half = width // 2
    for i in range(spikes.size // 2):
        pairs[i] = spikes[2 * i] + spikes[2 * i + 1]
    for row in range(spikes.size // (2 * width)):
        for i in range(half):
            pooled[row * half + i] = QUARTER * (pairs[2 * row * half + i] + pairs[(2 * row + 1) * half + i])


@_exact
def _unpool(gradient, pairs, spread, width):  # type: ignore[no-untyped-def]
    """The gradient of :func:`_pool`; ``pairs`` is scratch."""
    for i in range(gradient.size):
        share = QUARTER * gradient[i]
        pairs[2 * i] = share
        pairs[2 * i + 1] = share
    for row in range(spread.size // (2 * width)):
        for i in range(width):
            share = pairs[row * width + i]
            spread[2 * row * width + i] = share
            spread[(2 * row + 1) * width + i] = share


@_exact
def _recompute(current, before, potential, rules, on_grid):  # type: ignore[no-untyped-def]
    """The membrane before the reset, from that of the step before (also before its reset)."""
    leak, threshold, hard, soft = rules[LEAK], rules[THRESHOLD], rules[HARD], rules[SOFT]
    lowest, highest, per_step, step = rules[LOWEST], rules[HIGHEST], rules[PER_STEP], rules[STEP]
    if on_grid:
        for i in range(current.size):
            fired = ONE if before[i] > threshold else ZERO
            kept = min(max(before[i] * (ONE - fired * hard) - fired * soft, lowest), highest)
            potential[i] = leak * (np.floor(kept * per_step + HALF) * step) + current[i]
    else:
        for i in range(current.size):
            fired = ONE if before[i] > threshold else ZERO
            potential[i] = leak * (before[i] * (ONE - fired * hard) - fired * soft) + current[i]


@_exact
def _recompute_masked(current, before, potential, off, rules, on_grid):  # type: ignore[no-untyped-def]
    """The same for masked neurons; ``off`` marks those whose current is left out."""
    leak, threshold, hard, soft = rules[LEAK], rules[THRESHOLD], rules[HARD], rules[SOFT]
    lowest, highest, per_step, step = rules[LOWEST], rules[HIGHEST], rules[PER_STEP], rules[STEP]
    below, masked_leak = rules[MASK_BELOW], rules[MASKED_LEAK]
    for i in range(current.size):
        fired = ONE if before[i] > threshold else ZERO
        kept = before[i] * (ONE - fired * hard) - fired * soft
        stored = np.floor(min(max(kept, lowest), highest) * per_step + HALF) * step if on_grid else kept
        off[i] = ONE if stored < below else ZERO
        potential[i] = masked_leak * stored if stored < below else leak * stored + current[i]


@_smooth
def _close(total, flow, off, into, rules, add):  # type: ignore[no-untyped-def]
    """Take the gradient ``total`` of a step's current away where it was left out, and put the rest ``into`` place."""
    masked_leak = rules[MASKED_LEAK]
    for i in range(total.size):
        if off[i] > ZERO:
            flow[i] = masked_leak * total[i]
        passed = total[i] * (ONE - off[i])
        into[i] = into[i] + passed if add else passed


@_smooth
def _triangle(distance):  # type: ignore[no-untyped-def]
    return max(ONE - abs(distance), ZERO)


@_smooth
def _rectangle(distance):  # type: ignore[no-untyped-def]
    return ONE if abs(distance) < HALF else ZERO


@_smooth
def _atan(distance):  # type: ignore[no-untyped-def]
    scaled = PI * distance
    return ONE / (ONE + scaled * scaled)


@_smooth
def _sigmoid(distance):  # type: ignore[no-untyped-def]
    firing = ONE / (ONE + _power_of_two(-LOG2_E * min(abs(distance) * F(4.0), F(40.0))))
    return F(4.0) * (firing - firing * firing)


@_smooth
def _fast_sigmoid(distance):  # type: ignore[no-untyped-def]
    scaled = ONE + F(25.0) * abs(distance)
    return ONE / (scaled * scaled)


@_smooth
def _through_boundaries(potential, flow, passed, rules, centres):  # type: ignore[no-untyped-def]
    """``passed`` = flow * sum over boundaries m of k step S'(k (u - m)), k = 2; ``centres`` exp(k m), in pairs."""
    threshold, hard, soft = rules[THRESHOLD], rules[HARD], rules[SOFT]
    scale, height = F(-2.0) * LOG2_E / threshold, F(2.0) * rules[STEP] / threshold
    for pair in range(centres.size // 2):
        one, two = centres[2 * pair], centres[2 * pair + 1]
        for i in range(potential.size):
            fired = ONE if potential[i] > threshold else ZERO
            kept = potential[i] * (ONE - fired * hard) - fired * soft
            decay = _power_of_two(min(max(scale * kept, F(-40.0)), F(40.0)))
            first, second = ONE / (ONE + one * decay), ONE / (ONE + two * decay)
            slope = height * ((first - first * first) + (second - second * second))
            passed[i] = (passed[i] if pair > 0 else ZERO) + flow[i] * slope


@_smooth
def _edge(firing, width):  # type: ignore[no-untyped-def]
    """One edge of the closed form: S with its Euler-Maclaurin corrections, see dse.neurons.membrane."""
    slope = firing - firing * firing
    odd = ONE - F(2.0) * firing
    fourth = ONE - F(12.0) * slope
    sixth = ONE - F(60.0) * slope + F(360.0) * slope * slope
    inner = F(1.0 / 24.0) - width * (F(7.0 / 5760.0) * fourth - width * (F(31.0 / 967680.0) * sixth))
    return firing - width * slope * odd * inner


@_smooth
def _through_fine_grid(potential, flow, passed, rules, edges):  # type: ignore[no-untyped-def]
    """The same for a grid of many levels, in closed form; ``edges`` are exp(k u) at the lowest and highest level."""
    threshold, hard, soft = rules[THRESHOLD], rules[HARD], rules[SOFT]
    scale = F(-2.0) * LOG2_E / threshold
    low, high = edges[0], edges[1]
    width = (F(2.0) * rules[STEP] / threshold) ** 2
    for i in range(potential.size):
        fired = ONE if potential[i] > threshold else ZERO
        kept = potential[i] * (ONE - fired * hard) - fired * soft
        decay = _power_of_two(min(max(scale * kept, F(-40.0)), F(40.0)))
        first, second = ONE / (ONE + low * decay), ONE / (ONE + high * decay)
        passed[i] = flow[i] * (_edge(first, width) - _edge(second, width))


def _step_back(derivative: Any) -> Any:
    """The pass of one step with one surrogate: the compiler makes one loop of both."""

    @_smooth
    def step_back(potential, upstream, flow, gradient, rules, add):  # type: ignore[no-untyped-def]
        """The gradient of the step's current, and in ``flow`` that of the membrane stored by the step before."""
        leak, threshold, hard, soft = rules[LEAK], rules[THRESHOLD], rules[HARD], rules[SOFT]
        attached = rules[ATTACHED]
        for i in range(potential.size):
            fired = ONE if potential[i] > threshold else ZERO
            to_spike = upstream[i] - attached * flow[i] * (potential[i] * hard + soft)
            total = flow[i] * (ONE - fired * hard) + to_spike * derivative(potential[i] - threshold)
            gradient[i] = gradient[i] + total if add else total
            flow[i] = leak * total

    return step_back


def _threshold_back(derivative: Any) -> Any:
    """The gradient of a learned threshold in one step, see dse.neurons.learned_threshold."""

    @_smooth
    def threshold_back(potential, upstream, flow, rules):  # type: ignore[no-untyped-def]
        threshold, hard, soft, attached = rules[THRESHOLD], rules[HARD], rules[SOFT], rules[ATTACHED]
        total = ZERO
        for i in range(potential.size):
            distance = potential[i] - threshold
            to_spike = upstream[i] - attached * flow[i] * (potential[i] * hard + soft)
            firing = ONE / (ONE + _power_of_two(-LOG2_E * min(distance, F(40.0)))) if distance > ZERO else ZERO
            total -= to_spike * derivative(distance) * (ONE + firing)
        return total

    return threshold_back


_triangle_back, _rectangle_back, _atan_back = _step_back(_triangle), _step_back(_rectangle), _step_back(_atan)
_sigmoid_back, _fast_sigmoid_back = _step_back(_sigmoid), _step_back(_fast_sigmoid)
_triangle_threshold, _rectangle_threshold = _threshold_back(_triangle), _threshold_back(_rectangle)
_atan_threshold, _sigmoid_threshold = _threshold_back(_atan), _threshold_back(_sigmoid)
_fast_sigmoid_threshold = _threshold_back(_fast_sigmoid)


@_exact
def _step_back_by(code, potential, upstream, flow, gradient, rules, add):  # type: ignore[no-untyped-def]
    """The pass of one step with the surrogate of this code."""
    if code == 0:
        _triangle_back(potential, upstream, flow, gradient, rules, add)
    elif code == 1:
        _rectangle_back(potential, upstream, flow, gradient, rules, add)
    elif code == 2:
        _atan_back(potential, upstream, flow, gradient, rules, add)
    elif code == 3:
        _sigmoid_back(potential, upstream, flow, gradient, rules, add)
    else:
        _fast_sigmoid_back(potential, upstream, flow, gradient, rules, add)


@_exact
def _threshold_back_by(code, potential, upstream, flow, rules):  # type: ignore[no-untyped-def]
    """The threshold's gradient in one step with the surrogate of this code."""
    if code == 0:
        return _triangle_threshold(potential, upstream, flow, rules)
    if code == 1:
        return _rectangle_threshold(potential, upstream, flow, rules)
    if code == 2:
        return _atan_threshold(potential, upstream, flow, rules)
    if code == 3:
        return _sigmoid_threshold(potential, upstream, flow, rules)
    return _fast_sigmoid_threshold(potential, upstream, flow, rules)


def _compiled(signature: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile now, for one signature, and keep the code on disk where some folder can be written."""

    def compile_now(function: Callable[..., None]) -> Callable[..., None]:
        try:
            kernel: Callable[..., None] = njit(signature, nogil=True, cache=True)(function)
        except RuntimeError:
            kernel = njit(signature, nogil=True)(function)
        return kernel

    return compile_now


@_compiled(void(float32[::1], float32[::1], int64, boolean, int64, float32[::1], boolean))
def forward(current, output, steps, static, width, rules, on_grid):  # type: ignore[no-untyped-def]
    """Spikes of all steps into ``output``; ``width`` > 0 pools rows of that width 2x2."""
    neurons = current.size if static else current.size // steps
    block = 1 if width == 0 else 2 * width
    chunk, shrink = max(CHUNK // block, 1) * block, 1 if width == 0 else 4
    stored, spikes, pairs = np.empty(chunk, F), np.empty(chunk, F), np.empty(chunk, F)
    masked = rules[MASK_BELOW] > F(-np.inf)
    for start in range(0, neurons, chunk):
        size = min(chunk, neurons - start)
        stored[:] = ZERO
        for step in range(steps):
            begin = start if static else step * neurons + start
            place = (step * neurons + start) // shrink
            emitted = output[place : place + size // shrink]
            fired = emitted if width == 0 else spikes[:size]
            if masked:
                _fire_masked(current[begin : begin + size], stored[:size], fired, rules, on_grid)
            elif on_grid:
                _fire_on_grid(current[begin : begin + size], stored[:size], fired, rules)
            else:
                _fire(current[begin : begin + size], stored[:size], fired, rules)
            if width > 0:
                _pool(fired, pairs, emitted, width)


@_compiled(
    void(
        *(float32[::1], float32[::1], float32[::1], int64, boolean, int64, float32[::1], boolean),
        *(int64, int64, float32[::1], float64[::1]),
    )
)
def backward(  # type: ignore[no-untyped-def]
    current, upstream, gradient, steps, static, width, rules, on_grid, surrogate, passage, centres, to_threshold
):
    """The gradient of the currents from that of the output; the membranes are computed again, chunk by chunk.

    That of a learned threshold is added to ``to_threshold`` (1,).
    """
    neurons = current.size if static else current.size // steps
    block = 1 if width == 0 else 2 * width
    chunk, shrink = max(CHUNK // block, 1) * block, 1 if width == 0 else 4
    potential = np.empty((steps + 1, chunk), F)
    flow, passed = np.empty(chunk, F), np.empty(chunk, F)
    spread, pairs = np.empty(chunk, F), np.empty(chunk, F)
    masked, learns = rules[MASK_BELOW] > F(-np.inf), rules[LEARNS] > ZERO
    off, total = np.empty((steps if masked else 0, chunk), F), np.empty(chunk if masked else 0, F)
    # The membrane starts at zero, which neither fires nor moves on the grid.
    potential[0, :] = ZERO
    for start in range(0, neurons, chunk):
        size = min(chunk, neurons - start)
        for step in range(steps):
            begin = start if static else step * neurons + start
            arrived, before, now = current[begin : begin + size], potential[step, :size], potential[step + 1, :size]
            if masked:
                _recompute_masked(arrived, before, now, off[step, :size], rules, on_grid)
            else:
                _recompute(arrived, before, now, rules, on_grid)
        flow[:] = ZERO
        for step in range(steps - 1, -1, -1):
            now = potential[step + 1, :size]
            place = (step * neurons + start) // shrink
            arriving = upstream[place : place + size // shrink]
            if width > 0:
                _unpool(arriving, pairs, spread[:size], width)
                arriving = spread[:size]
            through = flow[:size]
            if passage != IDENTITY and step < steps - 1:
                through = passed[:size]
                if passage == BOUNDARIES:
                    _through_boundaries(now, flow[:size], through, rules, centres)
                else:
                    _through_fine_grid(now, flow[:size], through, rules, centres)
            begin = start if static else step * neurons + start
            into = gradient[begin : begin + size]
            add = static and step < steps - 1
            if learns:
                to_threshold[0] += _threshold_back_by(surrogate, now, arriving, through, rules)
            if masked:
                _step_back_by(surrogate, now, arriving, through, total[:size], rules, False)
                _close(total[:size], through, off[step, :size], into, rules, add)
            else:
                _step_back_by(surrogate, now, arriving, through, into, rules, add)
            if passage != IDENTITY and step < steps - 1:
                flow, passed = passed, flow
