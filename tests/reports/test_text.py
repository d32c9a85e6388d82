from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models.quantities import format_count, format_ratio
from reports.text import (
    count_text,
    figure_text,
    label_of,
    plural,
    ratio_text,
    short_names,
    shorten,
    unit_of,
    value_text,
)
from studies.objectives import OBJECTIVES


@given(st.text())
def test_a_name_in_a_figure_holds_no_markup_and_reads_as_it_was_given(name: str) -> None:
    text = figure_text(name)
    assert "<" not in text
    assert ">" not in text
    assert html.unescape(text).split() == html.unescape(html.escape(name, quote=False)).split()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_has_a_unit_and_words(name: str) -> None:
    assert value_text(1.0, unit_of(name))
    assert "_" not in label_of(name)


def test_a_missing_number_is_a_dash() -> None:
    assert value_text(float("nan"), "bytes") == value_text(None, "share") == "–"


@given(st.lists(st.text(alphabet="ab.", max_size=40), unique=True, max_size=12), st.integers(8, 30))
def test_short_names_differ_wherever_the_names_differ(names: list[str], width: int) -> None:
    assert len(set(short_names(names, width))) == len(names)


@given(st.text(max_size=60), st.integers(3, 40))
def test_a_shortened_name_has_at_most_the_width_asked_for(name: str, width: int) -> None:
    assert len(shorten(name, width)) <= width


def test_nouns_have_their_english_plural() -> None:
    assert [plural(2, noun) for noun in ("trial", "entry", "class")] == ["2 trials", "2 entries", "2 classes"]


@given(st.floats(1e-3, 1e6))
def test_a_ratio_has_the_same_digits_in_the_report_as_at_the_command_line(ratio: float) -> None:
    assert ratio_text(ratio) == format_ratio(ratio)
    number = float(ratio_text(ratio).removesuffix("×").replace(",", ""))
    assert number == pytest.approx(ratio, rel=5.01e-3)
    assert count_text(ratio) == format_count(ratio)
