"""What a human sees: numbers with units, tables that fit, and the progress of a run."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cost_models import parse_quantity
from cost_models.quantities import format_count
from dse.console import PlainTable, front_table, human, print_out, rounded_outwards, rows_table
from dse.progress import RunDisplay, counts_text, duration
from dse.search.progress import Progress


def rendered(table: PlainTable, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("memory_bytes", 62771.0, "61.3 KiB"),
        ("energy_joules", 4.2e-6, "4.20 µJ"),
        ("latency_seconds", 0.00312, "3.12 ms"),
        ("accuracy", 0.97125, "0.9712"),
        ("pruning_ratio", 0.955, "95.5%"),
        ("macs", 313_963_776, "314 M"),
        ("weight_bits", 1.58, "1.58"),
        ("parameters", 1_234_567, "1,234,567"),
        ("break_even_pruning_ratio", None, "-"),
        ("energy_joules", float("nan"), "-"),
        ("storage_format", "bitmap", "bitmap"),
    ],
)
def test_a_number_carries_the_unit_that_its_name_ends_in(name: str, value: Any, text: str) -> None:
    assert human(name, value) == text


@given(st.floats(0.001, 9e14))
def test_a_count_is_shown_to_three_digits(value: float) -> None:
    number, _, prefix = format_count(value).partition(" ")
    shown = float(number) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[prefix]
    assert shown == pytest.approx(value, rel=0.006)


@given(st.floats(0.5, 1e10))
def test_a_reachable_memory_typed_back_as_a_limit_admits_it(value: float) -> None:
    assert value <= parse_quantity(rounded_outwards("memory_bytes", value), "bytes") <= value * 1.3


@given(st.floats(1e-12, 1e3))
def test_a_reachable_energy_typed_back_as_a_limit_admits_it(value: float) -> None:
    assert value <= parse_quantity(rounded_outwards("energy_joules", value), "joules") <= value * 1.02


@given(st.floats(0, 1))
def test_a_reachable_accuracy_typed_back_as_a_limit_admits_it(value: float) -> None:
    assert value - 1e-4 <= float(rounded_outwards("accuracy", value)) <= value


def test_cells_are_text_and_not_markup() -> None:
    assert "[red]layer[/red]" in rendered(PlainTable("[b]", {"name": "left"}, [["[red]layer[/red]"]]), 80)


def test_a_line_of_text_is_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_out("a [bold] word " * 40)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_narrow_table_leaves_out_its_optional_columns_and_says_so() -> None:
    table = PlainTable(
        "", {"name": "left", "long": "left", "last": "right"}, [["a", "x" * 30, "1"]], optional=("long",)
    )
    assert "x" * 30 in rendered(table, 60)
    narrow = rendered(table, 20)
    assert "x" not in narrow.replace("too", "")
    assert "narrow: long." in " ".join(narrow.split())


@given(st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=6), st.integers(16, 100))
def test_a_table_whose_columns_are_optional_is_no_wider_than_the_terminal(words: list[str], width: int) -> None:
    columns = {f"c{index}": "left" for index in range(len(words))}
    table = PlainTable("", columns, [words], optional=tuple(columns)[1:])
    assert max(map(len, rendered(table, width).splitlines())) <= width


def test_sentences_are_wrapped_where_names_are_not() -> None:
    name = "membrane_memory_bytes"
    shown = rendered(rows_table([{"name": name, "description": "many words " * 9, "source": ""}]), 60)
    assert name in shown
    assert "source" not in shown


def test_the_front_shows_accuracy_spread_costs_and_compression() -> None:
    point = {
        "trial": 12,
        "values": {"accuracy": 0.98, "memory_bytes": 2048.0},
        "accuracy_validation": 0.98,
        "accuracy_test": 0.97,
        "accuracy_std": 0.004,
        "time_steps": 3,
        "cost": {"parameters": 100, "parameters_kept": 25},
        "layers": [{"weight_bits": 1.58, "membrane_bits": None}, {"weight_bits": 4, "membrane_bits": 2}],
    }
    shown = rendered(front_table("", [point], ("accuracy", "memory_bytes")), 200)
    row = re.split(r"\s{2,}", next(line for line in shown.splitlines() if " 12 " in line).strip())
    assert row == ["12", "0.9800", "0.9700 ± 0.0040", "2.0 KiB", "3", "75.0%", "1.58-4", "2"]


def test_a_point_without_a_test_accuracy_shows_a_dash() -> None:
    point = {"trial": 1, "values": {}, "accuracy_validation": 0.9, "accuracy_test": None, "time_steps": 1}
    assert " - " in rendered(front_table("", [{**point, "cost": None, "layers": []}], ("accuracy",)), 200)


SEARCHING = Progress("search", 10, complete=3, stopped=1, failed=1, skipped=2, front_size=2, hypervolume=0.5)


def test_the_counts_name_complete_stopped_skipped_and_failed_trials_and_the_front() -> None:
    text = "3 complete, 1 stopped early, 2 skipped, 1 failed, front of 2, hypervolume 0.5"
    assert counts_text(SEARCHING) == text


def test_without_a_terminal_progress_is_plain_lines_one_a_phase() -> None:
    stream = io.StringIO()
    with RunDisplay("digits", stream) as display:
        for phase in ("prepare", "baseline", "search", "search", "front", "done"):
            display(Progress(phase, 10))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert "\x1b" not in stream.getvalue()
    assert lines[0] == "digits: training the uncompressed network"
    assert lines[-1].startswith("digits: 0 complete")


def test_without_a_terminal_a_line_is_printed_as_trials_finish() -> None:
    stream = io.StringIO()
    with RunDisplay("digits", stream, line_every=0.0) as display:
        for finished in (0, 1, 1, 2):
            display(Progress("search", 10, complete=finished, seconds_left=61.0))
    lines = stream.getvalue().splitlines()[:-1]
    assert ["0/10" in lines[0], "1/10" in lines[1], "2/10" in lines[2], len(lines)] == [True, True, True, 3]
    assert "about 1 min 01 s left" in lines[0]


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_note_is_told_once(kind: type[io.StringIO]) -> None:
    stream = kind()
    with RunDisplay("digits", stream) as display:
        for finished in range(3):
            display(Progress("search", 10, complete=finished, note="the [space] is used up"))
    assert stream.getvalue().count("the [space] is used up") == 1


def test_a_terminal_sees_a_bar_with_the_counts_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with RunDisplay("digits", stream) as display:
        display(Progress("search", 10, complete=4, front_size=3, hypervolume=0.25, seconds_left=90.0))
        display._live.refresh()  # type: ignore[union-attr]
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert "digits: searching 4/10 ━" in text
    assert re.search(r"about 1 min (29|30) s left", text)
    assert "4 complete, 0 stopped early, 0 skipped, 0 failed, front of 3, hypervolume 0.25" in text


def test_an_interruption_passes_through_the_display() -> None:
    with pytest.raises(KeyboardInterrupt), RunDisplay("digits", Terminal()):
        raise KeyboardInterrupt


@given(st.floats(0, 1e6))
def test_a_duration_is_never_sixty_of_a_unit(seconds: float) -> None:
    assert not re.search(r"\b60 (s|min)\b", duration(seconds))
