"""Quantities as people write them: ``64KiB``, ``5uJ``, ``3 ms``; inside everything is a plain number in SI units."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from cost_models.errors import InputError
from cost_models.registry import Registry

_PREFIXES = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6,
             "n": 1e-9, "p": 1e-12, "f": 1e-15}  # fmt: skip
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "k": 10**3, "M": 10**6, "G": 10**9}  # fmt: skip


def _prefixed(symbol: str) -> dict[str, float]:
    return {prefix + symbol: factor for prefix, factor in _PREFIXES.items()}


#: Accepted units by dimension, each with its factor to the SI unit.
DIMENSIONS: Registry[dict[str, float]] = Registry(
    "dimension",
    {
        "bytes": {**_BYTES, "bytes": 1, "byte": 1, "bit": 1 / 8, "bits": 1 / 8},
        "joules": _prefixed("J"),
        "seconds": {**_prefixed("s"), "min": 60.0, "h": 3600.0},
        "hertz": _prefixed("Hz"),
        "watts": _prefixed("W"),
        "joules_per_bit": {**_prefixed("J/bit"), **{f"{p}J/byte": f / 8 for p, f in _PREFIXES.items()}},
        "bits_per_second": {
            **_prefixed("bit/s"),
            **{f"{unit}/s": 8 * factor for unit, factor in _BYTES.items() if unit.endswith("B")},
        },
        "per_cycle": {"per cycle": 1.0},
        "count": {"": 1.0},
        "ratio": {"": 1.0, "%": 0.01},
        "bits": {"bit": 1.0, "bits": 1.0},
    },
)

_NUMBER = re.compile(r"\s*([-+]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


def parse_quantity(text: str | float, dimension: str) -> float:
    """The quantity in SI units; a plain number is in SI units already.

    Bytes take decimal (kB, MB) and binary (KiB, MiB) prefixes. Raises :class:`InputError` for anything that is not a
    finite number with a unit of ``dimension``.

    >>> parse_quantity("64KiB", "bytes"), parse_quantity("0.9 pJ", "joules"), parse_quantity(12, "bytes")
    (65536.0, 9e-13, 12.0)
    """
    units = DIMENSIONS[dimension]
    if isinstance(text, int | float) and not isinstance(text, bool):
        if not math.isfinite(text):
            raise InputError(f"{text!r} is not a finite quantity")
        return float(text)
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"{text!r} is not a quantity; write a number with a unit, such as {_example(units)}")
    number, unit = Decimal(re.sub("[_,]", "", match[1])), match[2]
    if unit and unit not in units:
        raise InputError(f"{text!r} is not a quantity of {dimension}; write for example {_example(units)}")
    # decimal, so that 0.23 pJ is the float 0.23e-12 and not one next to it
    value = float(number * Decimal(repr(units[unit]))) if unit else float(number)
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not a finite quantity")
    return value


def _example(units: dict[str, float]) -> str:
    return " or ".join(f"64{unit}" for unit in list(units)[:3])


def format_quantity(value: float, dimension: str, *, digits: int = 3) -> str:
    """The quantity for a human, with the prefix that leaves one to four digits before the point.

    >>> format_quantity(62771, "bytes"), format_quantity(4.2e-6, "joules"), format_quantity(0.00312, "seconds")
    ('61.3 KiB', '4.20 µJ', '3.12 ms')
    """
    if dimension == "bytes":
        return _format_bytes(value)
    symbol = {"joules": "J", "seconds": "s", "hertz": "Hz", "watts": "W", "joules_per_bit": "J/bit",
              "bits_per_second": "bit/s"}.get(dimension, "")  # fmt: skip
    if not symbol or not math.isfinite(value):
        return f"{value:g}"
    for prefix in ("T", "G", "M", "k", "", "m", "µ", "n", "p", "f"):
        scaled = value / _PREFIXES[prefix]
        if abs(scaled) >= 0.9995:
            break
    if value == 0:
        return f"0 {symbol}"
    decimals = max(0, digits - 1 - max(0, math.floor(math.log10(abs(scaled)) + 1e-9)))
    return f"{scaled:.{decimals}f} {prefix}{symbol}"


def format_count(value: float) -> str:
    """A large count with three significant digits and a decimal prefix; small whole numbers stay exact.

    >>> format_count(999), format_count(15_400), format_count(2.5e9)
    ('999', '15.4 k', '2.5 G')
    """
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g}" if value != int(value) else str(int(value))


def format_ratio(value: float) -> str:
    """How many times, with three significant digits.

    >>> format_ratio(25.0), format_ratio(1.25), format_ratio(7128.0), format_ratio(0.7714)
    ('25×', '1.25×', '7,130×', '0.771×')
    """
    return f"{float(f'{value:.3g}'):,.12g}×"


def _format_bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1023.95 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" and value == round(value) else f"{value:.1f} {unit}"
