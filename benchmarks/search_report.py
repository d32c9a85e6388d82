"""The page of the search benchmark, from the searches made so far: ``docs/results/search.md``."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search_plan import LENGTHS, MARKS, OURS, SLOW, STOCK
from search_problems import SearchProblem

if TYPE_CHECKING:
    from search_plan import Run

PAGE = Path(__file__).parent.parent / "docs" / "results" / "search.md"
_SHOWN = (10, 20, 40, 60, 100, 200)


def write(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> None:
    """Write the page; what was not run is named as such."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join([*_head(), *_speed_up(runs, problems), *_levels(runs, problems), *_waste(runs)]) + "\n")


def _of(runs: Sequence[Run], problem: str, sampler: str, gated: bool) -> list[Run]:
    return [run for run in runs if (run.problem, run.sampler, run.gated) == (problem, sampler, gated)]


def _at(run: Run, trainings: int) -> float | None:
    """The hypervolume after this many trainings; None where the search was shorter."""
    place = MARKS.index(trainings)
    return run.hypervolume[place] if place < len(run.hypervolume) else None


def _median(runs: Sequence[Run], trainings: int) -> float | None:
    values = [value for run in runs if (value := _at(run, trainings)) is not None]
    return statistics.median(values) if values else None


def _best_stock(runs: Sequence[Run], problem: str) -> tuple[str, float, int] | None:
    """Of Optuna's samplers behind the gate the one with the largest median at 200: its name, that value, its seeds."""
    found = []
    for sampler in STOCK:
        own = _of(runs, problem, sampler, True)
        value = _median(own, 200)
        if value is not None:
            found.append((sampler, value, len(own)))
    return max(found, key=lambda entry: entry[1]) if found else None


def _reached(run: Run, level: float) -> float:
    """The trainings after which a search reaches a hypervolume; infinite if it does not."""
    places = [mark for mark, value in zip(MARKS, run.hypervolume, strict=False) if value >= level]
    return places[0] if places else math.inf


def _head() -> Iterator[str]:
    yield "# Search: hypervolume against the number of trainings"
    yield ""
    yield "Written by `python benchmarks/search.py`, from the searches in `benchmarks/data/search_runs.jsonl`."
    yield ""
    yield (
        f"`{OURS}` is run for {LENGTHS[OURS]} trainings without a gate; Optuna's samplers for 200 behind a plain gate: "
        "a proposal over the limit or tried before costs no training. The hypervolume is the share of the box between "
        "(accuracy 1, no cost) and (chance, reference costs); the reference is the limit, or else the dearest "
        "configuration. Synthetic landscapes are scored by the accuracy without noise, trained ones by what was "
        "measured. One thread of a machine that other jobs shared: seconds are upper bounds. A difference "
        "between single seeds proves little; the number of seeds is in brackets."
    )
    yield ""


def _speed_up(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    yield "## Trainings to reach what the best stock sampler reaches at 200"
    yield ""
    yield "The best stock sampler is that with the largest median at 200. Seeds in brackets."
    yield ""
    yield (
        f"| problem | | best stock | its median at 200 | {OURS}: median (lowest - highest) "
        "| at 20 / stock at 200 | at 40 | at 60 |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name, problem in problems.items():
        best, ours = _best_stock(runs, name), _of(runs, name, OURS, False)
        if best is None or not ours:
            yield f"| {name} | {problem.about} | not run | | | | | |"
            continue
        reached = sorted(_reached(run, best[1]) for run in ours)
        ratios = [_median(ours, mark) for mark in (20, 40, 60)]
        shown = " | ".join("" if value is None else f"{value / best[1]:.2f}" for value in ratios)
        spread = f"{_count(statistics.median(reached))} ({_count(reached[0])} - {_count(reached[-1])}) [{len(ours)}]"
        yield f"| {name} | {problem.about} | {best[0]} [{best[2]}] | {best[1]:.4f} | {spread} | {shown} |"
    yield ""


def _count(trainings: float) -> str:
    return "not reached" if math.isinf(trainings) else f"{trainings:g}"


def _levels(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    yield "## Hypervolume after so many trainings, median over seeds"
    yield ""
    yield "| problem | sampler | gate | seeds | " + " | ".join(map(str, _SHOWN)) + " | seconds for a proposal |"
    yield "|---" * (5 + len(_SHOWN)) + "|"
    for name in problems:
        for sampler in (OURS, *STOCK, *SLOW):
            for gated in (True, False):
                own = _of(runs, name, sampler, gated)
                if own:
                    values = [_median(own, mark) for mark in _SHOWN]
                    shown = " | ".join("" if value is None else f"{value:.4f}" for value in values)
                    seconds = statistics.median(run.ask_seconds[max(run.ask_seconds)] for run in own)
                    yield f"| {name} | {sampler} | {'yes' if gated else 'no'} | {len(own)} | {shown} | {seconds:.3f} |"
    yield ""
    missing = [sampler for sampler in (OURS, *STOCK, *SLOW) if not any(run.sampler == sampler for run in runs)]
    if missing:
        yield f"Not run: {', '.join(missing)}."
        yield ""


def _waste(runs: Sequence[Run]) -> Iterator[str]:
    yield "## Trainings spent on configurations over the limit or tried before, without a gate"
    yield ""
    yield "| sampler | searches | over the limit | repeated |"
    yield "|---|---|---|---|"
    for sampler in (OURS, *STOCK):
        own = [run for run in runs if run.sampler == sampler and not run.gated]
        if not own:
            yield f"| {sampler} | not run | | |"
            continue
        trainings = LENGTHS[sampler] * len(own)
        over, twice = sum(run.infeasible for run in own) / trainings, sum(run.repeated for run in own) / trainings
        yield f"| {sampler} | {len(own)} | {over:.1%} | {twice:.1%} |"
