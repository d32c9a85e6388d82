"""Axes in human units: ticks at round quantities, logarithms where the values span more than a few doublings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.text import share_text, value_text

#: A larger ratio of the largest to the smallest value gets a logarithmic axis.
LOG_FROM = 5.0
#: A plain axis of shares spans at least this much.
LEAST_SPAN = 0.02


@dataclass(frozen=True, slots=True)
class Axis:
    """The plotly settings of an axis. ``of_error`` places a share by its distance from 1, see :func:`share_axis`."""

    settings: dict[str, Any]
    logarithmic: bool
    of_error: bool = False
    floor: float = 0.0

    def place(self, value: float) -> float:
        """Where on the axis a value lies."""
        return max(1.0 - value, self.floor) if self.of_error else value


def quantity_axis(values: pd.Series[float], unit: str, title: str, *, from_zero: bool = False) -> Axis:
    """An axis for costs of this unit; logarithmic if all are positive and they span :data:`LOG_FROM` times or more.

    ``from_zero`` is for bars, whose length is the number: always linear, from zero.
    """
    known = values.dropna()
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    logarithmic = not from_zero and low > 0 and high / low >= LOG_FROM
    ticks = _log_ticks(low, high, unit) if logarithmic else _even_ticks(0.0 if from_zero else low, high, unit)
    settings: dict[str, Any] = {
        "title": {"text": title},
        "tickvals": ticks,
        "ticktext": [tick_text(tick, unit) for tick in ticks],
    }
    if logarithmic:
        margin = 0.06 * math.log10(high / low)
        settings |= {"type": "log", "range": [math.log10(low) - margin, math.log10(high) + margin]}
    elif from_zero:
        settings["rangemode"] = "tozero"
    return Axis(settings, logarithmic)


def share_axis(values: pd.Series[float], title: str) -> Axis:
    """An axis for shares that should be large, such as accuracy.

    Where the distances from 1 span :data:`LOG_FROM` times or more, the axis is logarithmic in that distance: the step
    from 98% to 99% is then as long as that from 80% to 90%, because both halve the errors. Ticks still read as shares.
    """
    known = values.dropna()
    errors = (1.0 - known).clip(lower=0.0)
    positive = errors[errors > 1e-9]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.5, 0.5)
    if high / low < LOG_FROM:
        return _plain_share_axis(known, title)
    floor = low / 2 if len(positive) < len(errors) else low
    steps = [0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001]
    ticks = [step for step in [0.9, 0.7, *steps] if floor / 1.3 <= step <= high * 1.2]
    margin = 0.08 * math.log10(high / floor)
    settings = {
        "title": {"text": f"{title} (log of the error)"},
        "type": "log",
        "range": [math.log10(high) + margin, math.log10(floor) - margin],
        "tickvals": ticks,
        "ticktext": [re.sub(r"\.?0*%$", "%", share_text(1.0 - tick, 2)) for tick in ticks],
    }
    return Axis(settings, logarithmic=True, of_error=True, floor=floor)


def _plain_share_axis(known: pd.Series[float], title: str) -> Axis:
    """At least :data:`LEAST_SPAN` wide, so that equal values have an axis too, and within 0 and 100%.

    Beyond these two there is only the room for half a mark, too little for a tick.
    """
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = max(0.08 * (high - low), (LEAST_SPAN - (high - low)) / 2)
    room = 0.04 * (high - low + margin)
    settings = {
        "title": {"text": title},
        "tickformat": ".1%" if high - low < 0.05 else ".0%",
        "range": [max(low - margin, -room), min(high + margin, 1.0 + room)],
    }
    return Axis(settings, logarithmic=False)


def tick_text(value: float, unit: str) -> str:
    """A round quantity without needless zeros: ``64 KiB`` and not ``64.0 KiB``."""
    return re.sub(r"\.(\d*?)0+(?=\D|$)", lambda digits: f".{digits[1]}" if digits[1] else "", value_text(value, unit))


def _step(span: float, wanted: int, unit: str) -> float:
    """A round step (1, 2 or 5 times a power of ten; powers of two for bytes) for about ``wanted`` ticks."""
    rough = span / wanted
    if unit == "bytes" and rough >= 1:
        return float(2 ** math.ceil(math.log2(rough)))
    size = 10.0 ** math.floor(math.log10(rough))
    return float(next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * 0.7))


def _even_ticks(low: float, high: float, unit: str) -> list[float]:
    if not high > low:
        return [low] if low == high else []
    step = _step(high - low, 5, unit)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, unit: str) -> list[float]:
    if unit == "bytes":
        first, last = math.ceil(math.log2(low) - 0.2), math.floor(math.log2(high) + 0.2)
        skip = max(1, math.ceil((last - first) / 7))
        return [2.0**power for power in range(first, last + 1, skip)]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    wide = last - first > 3
    factors = (1.0,) if wide else (1.0, 2.0, 5.0)
    ticks = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in factors]
    return [tick for tick in ticks if low / 1.15 <= tick <= high * 1.15]
