"""The two integer operations of a time step, compiled: adding up weight codes, and firing by tables of thresholds.

Importing this module needs numba; the machine code is cached on disk. Activations are channels-last. There is no float
in here.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def add_up(inputs, codes, sums, stride, padding, dilation):  # type: ignore[no-untyped-def]
    """Integer convolution: the codes under every non-zero input, times that input, are added to ``sums``.

    ``inputs`` (N, H, W, C) whole numbers; ``codes`` (C, kernel height, kernel width, O / groups) int32; ``sums``
    (N, H', W', O) int32, zero before. Zeros cost nothing, which is what event-driven hardware does.
    """
    samples, height, width, channels = inputs.shape
    _, kernel_height, kernel_width, group_outputs = codes.shape
    _, out_height, out_width, outputs = sums.shape
    group_inputs = channels // (outputs // group_outputs)
    for n in range(samples):
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    value = np.int32(inputs[n, y, x, c])
                    if value == 0:
                        continue
                    first = (c // group_inputs) * group_outputs
                    for i in range(kernel_height):
                        down = y + padding[0] - i * dilation[0]
                        if down < 0 or down % stride[0] or down // stride[0] >= out_height:
                            continue
                        for j in range(kernel_width):
                            right = x + padding[1] - j * dilation[1]
                            if right < 0 or right % stride[1] or right // stride[1] >= out_width:
                                continue
                            into = sums[n, down // stride[0], right // stride[1], first : first + group_outputs]
                            weights = codes[c, i, j]
                            for o in range(group_outputs):
                                into[o] += value * weights[o]


@njit(nogil=True, cache=True)
def fire(sums, level, spikes, changes, fire_at, keep_at, after_at, reset):  # type: ignore[no-untyped-def]
    """One time step of a layer: spikes (uint8) and new level numbers (int16, in place) from the integer sums.

    ``sums``, ``level`` and ``spikes`` are (neurons, channels); the tables are those of
    :class:`dse.integer_inference.thresholds.ThresholdTable`.
    """
    soft = after_at.shape[1] > 0
    for n in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            total, stored = sums[n, c], level[n, c]
            if total >= changes[c, fire_at[stored]]:
                spikes[n, c] = 1
                level[n, c] = _level(total, changes[c], after_at[stored]) if soft else reset
            else:
                spikes[n, c] = 0
                level[n, c] = _level(total, changes[c], keep_at[stored])


@njit(nogil=True, cache=True)
def fire_by_constants(  # type: ignore[no-untyped-def]
    sums, level, spikes, gain, offset, threshold, leak, leak_bits, step_bits, lowest, highest, soft
):
    """As :func:`fire`, by the constants of :class:`dse.integer_inference.fixed_point.FixedPoint`."""
    whole = step_bits + leak_bits
    half = (1 << whole) >> 1
    for n in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            current = np.int64(gain[c]) * sums[n, c] + offset[c]
            potential = leak * (np.int64(level[n, c]) << step_bits) + (current << leak_bits)
            fired = potential > threshold << leak_bits
            spikes[n, c] = fired
            if fired:
                potential = potential - (threshold << leak_bits) if soft else 0
            bounded = min(max(potential, lowest << whole), highest << whole)
            level[n, c] = (bounded + half) >> whole


@njit(nogil=True, cache=True)
def _level(total, changes, thresholds):  # type: ignore[no-untyped-def]
    """How many of the thresholds, which rise, the sum reaches."""
    low, high = 0, thresholds.size
    while low < high:
        middle = (low + high) // 2
        if total >= changes[thresholds[middle]]:
            low = middle + 1
        else:
            high = middle
    return low
