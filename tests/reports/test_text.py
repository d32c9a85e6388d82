from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text import figure_text, label_of, plural, short_names, shorten, unit_of, value_text
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
