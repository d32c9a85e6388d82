"""Numbers and names as a reader wants them: human units, percentages, labels, and names that cannot act as markup."""

from __future__ import annotations

import html
import math
import re

from cost_models.quantities import format_count, format_quantity, format_ratio
from studies.objectives import OBJECTIVES

#: What a missing number looks like in a table.
MISSING = "–"
_UNIT_SUFFIXES = ("_bytes", "_joules", "_seconds")
_WORDS = {"macs": "MACs", "macs_dense": "dense MACs", "synops": "synaptic operations"}


def unit_of(name: str) -> str:
    """The unit of an objective or a cost: ``bytes``, ``joules``, ``seconds``, ``share`` or ``count``.

    >>> [unit_of(name) for name in ("memory_bytes", "accuracy", "worst_class_recall", "macs")]
    ['bytes', 'share', 'share', 'count']
    """
    if name in OBJECTIVES:
        return OBJECTIVES[name].unit
    return next((suffix[1:] for suffix in _UNIT_SUFFIXES if name.endswith(suffix)), "count")


def label_of(name: str) -> str:
    """The name of an objective or a cost as words, without its unit.

    >>> label_of("memory_bytes"), label_of("worst_class_recall"), label_of("synops")
    ('memory', 'worst class recall', 'synaptic operations')
    """
    for suffix in _UNIT_SUFFIXES:
        name = name.removesuffix(suffix)
    return _WORDS.get(name, name.replace("_", " "))


def capital(text: str) -> str:
    """The text with its first letter as a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def missing(value: float | None) -> bool:
    """Whether there is no number: None or not a number."""
    return value is None or math.isnan(value)


def share_text(value: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    >>> share_text(0.97812), share_text(0.5, 0), share_text(None)
    ('97.8%', '50%', '–')
    """
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.{digits}f}%"


def ratio_text(value: float | None) -> str:
    """How many times, as :func:`format_ratio` has it.

    >>> ratio_text(8.444), ratio_text(None)
    ('8.44×', '–')
    """
    return MISSING if value is None or math.isnan(value) else format_ratio(value)


def saving_text(ratio: float | None) -> str:
    """How much less something costs, given how many times it goes into the reference.

    >>> saving_text(8.44), saving_text(0.5), saving_text(None)
    ('8.44× less', '2× more', '')
    """
    if ratio is None or math.isnan(ratio) or ratio <= 0.0:
        return ""
    return f"{ratio_text(ratio)} less" if ratio >= 1.0 else f"{ratio_text(1.0 / ratio)} more"


def count_text(value: float | None) -> str:
    """A plain count, as :func:`format_count` has it.

    >>> count_text(1234), count_text(12_345_678), count_text(None)
    ('1.23 k', '12.3 M', '–')
    """
    return MISSING if value is None or math.isnan(value) else format_count(value)


def value_text(value: float | None, unit: str) -> str:
    """A number of this unit (:func:`unit_of`) for a human reader."""
    if value is None or math.isnan(value):
        return MISSING
    if unit == "share":
        return share_text(value)
    if unit == "count":
        return count_text(value)
    return format_quantity(value, unit)


def bits_text(bits: float | None) -> str:
    """A bit width.

    >>> bits_text(4.0), bits_text(1.58), bits_text(None)
    ('4', '1.58', '–')
    """
    return MISSING if bits is None or math.isnan(bits) else f"{bits:g}"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "trial"), plural(1200, "trial")
    ('1 trial', '1,200 trials')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + ('es' if noun.endswith('s') else 's')}"


def listing(words: list[str]) -> str:
    """Words joined as a sentence does.

    >>> listing(["a", "b", "c"]), listing(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def shorten(name: str, width: int = 24) -> str:
    """A long name with its middle left out; both ends tell layers apart.

    >>> shorten("backbone.layer3.5.conv2.depthwise", 16)
    'backbon…epthwise'
    """
    return name if len(name) <= width else f"{name[: (width - 1) // 2]}…{name[len(name) - width // 2 :]}"


def short_names(names: list[str], width: int = 28) -> list[str]:
    """Names that fit beside a drawing and still differ: without the path that all share, then without their middle.

    >>> short_names(["backbone.stage1.conv", "backbone.stage2.conv", "backbone.head"])
    ['…stage1.conv', '…stage2.conv', '…head']
    """
    # What the first and the last in alphabetical order share, all share.
    first, last = min(names, default=""), max(names, default="")
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), 0)
    shared = first[:same].rpartition(".")[0]
    cut = [f"…{name[len(shared) + 1 :]}" if shared and max(map(len, names)) > 12 else name for name in names]
    short = [shorten(name, width) for name in cut]
    return [f"{name} ({index})" if short.count(name) > 1 else name for index, name in enumerate(short, 1)]


def figure_text(name: str) -> str:
    """A user's name as plotly text: plotly reads a little HTML in every label, so nothing in it may act as markup.

    Quotes stay: plotly decodes neither of their entities, and these texts never stand inside an attribute.

    >>> figure_text("<b>fc</b> & co")
    '&lt;b&gt;fc&lt;/b&gt; &amp; co'
    """
    return html.escape(re.sub(r"\s+", " ", name), quote=False)
