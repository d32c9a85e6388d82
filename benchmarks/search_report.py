"""The page of the search benchmark, from the searches made so far: ``docs/results/search.md``."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import search_ask_times
from search_plan import MARKS, OURS, PROBED, SLOW, SLOW_PROBLEMS, STOCK
from search_problems import SearchProblem, Trained

if TYPE_CHECKING:
    from search_plan import Run

PAGE = Path(__file__).parent.parent / "docs" / "results" / "search.md"
_SHOWN = (10, 20, 30, 40, 50, 60, 80, 100, 200)


def write(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> None:
    """Write the page; what was not run is named as such."""
    parts = (
        _head(),
        _goals(runs, problems),
        _speed_up(runs, problems),
        _whole_table(runs, problems),
        _probes(runs, problems),
        _levels(runs, problems),
        search_ask_times.table(),
        _waste(runs),
    )
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(line for part in parts for line in part) + "\n")


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
        f"`{OURS}` is the sampler as any Optuna study can use it; `{PROBED}` is also told sensitivities that were "
        "probed without training, as `dse run` does by default (on the trained tables those of the real float network; "
        "on synthetic landscapes the true ones with a lognormal error of a factor 2). Both are run for "
        "60 trainings without a gate (80 in the smaller spaces); Optuna's samplers for 200 behind a plain gate: a "
        "proposal over the limit or tried before costs no training. The hypervolume is the share of the box between "
        "(accuracy 1, no cost) and (chance, reference costs); the reference is the limit, or else the dearest "
        "configuration. One thread of a machine that other jobs shared: seconds are upper bounds. A difference between "
        "single seeds proves little; the number of seeds is in brackets."
    )
    yield ""
    yield (
        "Samplers are told single noisy readings and scored by what a configuration gives on average: on synthetic "
        "landscapes the accuracy without noise; on the trained tables the least-squares fit of all 768 trainings' "
        "logits by effects of values and pairs of values. Scored by the single readings instead, a search wins by "
        "picking lucky trainings, and 200 trainings pick nearly all of the lucky ones among 768; these figures are "
        "given beside."
    )
    yield ""
    yield (
        "`stepped-12` had a budget of 7 % at first (`stepped-12-tight`): even climbing on the noise-free formula finds "
        "no accuracy above 0.15 there, 400 random feasible configurations none above 0.105, at a chance of 0.10 and "
        "a noise of 0.01. With 12 % there is something to find (0.57). Both are kept."
    )
    yield ""


def _goals(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    """What was wanted beside what was measured, for the sampler as ``dse run`` uses it."""
    yield "## Goals"
    yield ""
    yield f"Medians of `{PROBED}`, in brackets of `{OURS}`."
    yield ""
    yield "| problem | wanted: stock at 200 within | reached after | over the best stock sampler at 20, 40, 60 |"
    yield "|---|---|---|---|"
    for name, problem in problems.items():
        best = _best_stock(runs, name)
        wanted = 40 if problem.trained else 60 if name.startswith("rugged") else 20
        found = [_of(runs, name, sampler, False) for sampler in (PROBED, OURS)]
        if best is None or not all(found):
            yield f"| {name} | {wanted} | not run | |"
            continue
        after = [_count(statistics.median(_reached(run, best[1]) for run in own)) for own in found]
        beside = [(_median(found[0], mark) or 0.0) / _best_at(runs, name, mark) for mark in (20, 40, 60)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in beside)
        yield f"| {name} | {wanted} | {after[0]} ({after[1]}) | {shown} |"
    yield ""
    yield from _against_slow(runs, problems)


def _against_slow(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    lines = []
    for name in problems:
        for sampler in SLOW:
            slow, own = _of(runs, name, sampler, True), _of(runs, name, OURS, False)
            if not slow or not own:
                continue
            came_to = min(run.trainings for run in slow)
            both = min(came_to, *(run.trainings for run in own))
            marks = [mark for mark in (10, 20, 30, 40, 50, 60, 80) if mark <= both] or [both]
            levels = "; ".join(f"at {mark} {_compared(runs, name, slow, mark)}" for mark in marks)
            seconds, ours = (statistics.median(run.last_ask_seconds for run in part) for part in (slow, own))
            lines.append(f"| {name} | {sampler} [{len(slow)}] | {came_to} | {levels} | {seconds:.2f} | {ours:.2f} |")
    if lines:
        yield "Against Gaussian processes, as far as they came in the processor time given to them (`--slow-seconds`):"
        yield ""
        yield (
            f"| problem | sampler | trainings that it came to | hypervolume: its / {OURS} / {PROBED} "
            f"| its seconds for a proposal | {OURS} |"
        )
        yield "|---|---|---|---|---|---|"
        yield from lines
        yield ""
        absent = [
            f"{sampler} on {name}" for sampler in SLOW for name in SLOW_PROBLEMS if not _of(runs, name, sampler, True)
        ]
        if absent:
            yield f"Not run: {', '.join(absent)}."
            yield ""


def _compared(runs: Sequence[Run], name: str, slow: Sequence[Run], mark: int) -> str:
    values = [_median(own, mark) for own in (slow, _of(runs, name, OURS, False), _of(runs, name, PROBED, False))]
    return " / ".join("" if value is None else f"{value:.4f}" for value in values)


def _best_at(runs: Sequence[Run], problem: str, trainings: int) -> float:
    """The largest median of a stock sampler behind the gate after this many trainings."""
    return max(_median(_of(runs, problem, sampler, True), trainings) or 1e-9 for sampler in STOCK)


def _speed_up(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    yield "## Trainings to reach what the best stock sampler reaches at 200"
    yield ""
    yield "The best stock sampler is that with the largest median at 200. Seeds in brackets."
    yield ""
    yield (
        "| problem | | best stock | its median at 200 | sampler | trainings: median (lowest - highest) "
        "| at 20 / stock at 200 | at 40 | at 60 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, problem in problems.items():
        best = _best_stock(runs, name)
        for sampler in (OURS, PROBED):
            ours = _of(runs, name, sampler, False)
            if best is None or not ours:
                yield f"| {name} | {problem.about} | not run | | {sampler} | | | | |"
                continue
            reached = sorted(_reached(run, best[1]) for run in ours)
            middle, low, high = map(_count, (statistics.median(reached), reached[0], reached[-1]))
            ratios = [_median(ours, mark) for mark in (20, 40, 60)]
            shown = " | ".join("" if value is None else f"{value / best[1]:.2f}" for value in ratios)
            stock = f"{best[0]} [{best[2]}] | {best[1]:.4f}"
            found = f"{middle} ({low} - {high}) [{len(ours)}]"
            yield f"| {name} | {problem.about} | {stock} | {sampler} | {found} | {shown} |"
    yield ""


def _whole_table(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    yield "## Trained tables: against the whole table"
    yield ""
    yield (
        "All 768 configurations are trained, so the best possible hypervolume is known. At 200 trainings a sampler has "
        "seen 26 % of the table, or 54 % of the 369 configurations under the limit, and is left with less than half a "
        "percent to find: what it reaches then is as much a matter of enumeration as of search. Median trainings to "
        "reach a share of what the whole table holds:"
    )
    yield ""
    shares = (0.95, 0.98, 0.99, 0.995, 0.998)
    heads = " | ".join(f"{share:.1%}" for share in shares)
    yield f"| problem | sampler | seeds | {heads} | at 40 | at 80 | at 200 | at the end, by single readings |"
    yield "|---" * (7 + len(shares)) + "|"
    for name, problem in problems.items():
        if not isinstance(problem, Trained):
            continue
        best = problem.best_possible()
        for sampler in (OURS, PROBED, *STOCK, *SLOW):
            own = _of(runs, name, sampler, sampler not in (OURS, PROBED))
            if own:
                counts = [_count(statistics.median(_reached(run, share * best) for run in own)) for share in shares]
                ends = [_median(own, mark) for mark in (40, 80, 200)]
                levels = " | ".join("" if value is None else f"{value / best:.2%}" for value in ends)
                read = statistics.median(run.by_readings[-1] for run in own)
                yield f"| {name} | {sampler} | {len(own)} | {' | '.join(counts)} | {levels} | {read:.4f} |"
    yield ""
    yield (
        "What holds the search back there, from single experiments with seeds 0 to 2 on `trained`: a reading of one "
        "training is off by 0.005 (standard deviation, upper half of the table), and after 40 trainings the accuracy "
        "model by 0.0035 (0.0031 where it is told the probes), while the last half percent of hypervolume is made of "
        "differences of 0.001. An oracle that knows all average accuracies after six random trainings has 99.9 % of "
        "the table after 25. Tried and not better on the whole: proposing by the mean alone (0.5582 at 40, as with the "
        "expected improvement, 0.5588 against 0.5584 at 60; on `rugged-12` 0.078 instead of 0.090), "
        "an effect of its own for every value forced into the "
        "model, wider priors of the sensitivities."
    )
    yield ""


def _probes(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    yield "## What probed sensitivities bring"
    yield ""
    yield (
        f"Median hypervolume of `{PROBED}` over that of `{OURS}`, same seeds. They are probed by default: they help in "
        "the trained tables and in most landscapes; where they are wrong by a factor of two in each of many layers "
        "(`neighbours-32`), or only the worst layer counts (`bottleneck-16`), they cost some of the gain."
    )
    yield ""
    marks = (8, 10, 15, 20, 30, 40, 60)
    yield "| problem | seeds | " + " | ".join(f"at {mark}" for mark in marks) + " |"
    yield "|---" * (2 + len(marks)) + "|"
    for name in problems:
        plain = {run.seed: run for run in _of(runs, name, OURS, False)}
        probed = {run.seed: run for run in _of(runs, name, PROBED, False)}
        both = sorted(plain.keys() & probed.keys())
        if both:
            medians = [
                (_median([probed[s] for s in both], mark) or 0.0, _median([plain[s] for s in both], mark) or 0.0)
                for mark in marks
            ]
            ratios = [told / max(untold, 1e-9) for told, untold in medians]
            yield f"| {name} | {len(both)} | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |"
    yield ""


def _count(trainings: float) -> str:
    return "not reached" if math.isinf(trainings) else f"{trainings:g}"


def _levels(runs: Sequence[Run], problems: Mapping[str, SearchProblem]) -> Iterator[str]:
    yield "## Hypervolume after so many trainings, median over seeds"
    yield ""
    yield "| problem | sampler | gate | seeds | " + " | ".join(map(str, _SHOWN)) + " | seconds for a proposal |"
    yield "|---" * (5 + len(_SHOWN)) + "|"
    for name in problems:
        for sampler in (OURS, PROBED, *STOCK, *SLOW):
            for gated in (True, False):
                own = _of(runs, name, sampler, gated)
                if own:
                    values = [_median(own, mark) for mark in _SHOWN]
                    shown = " | ".join("" if value is None else f"{value:.4f}" for value in values)
                    seconds = statistics.median(run.last_ask_seconds for run in own)
                    yield f"| {name} | {sampler} | {'yes' if gated else 'no'} | {len(own)} | {shown} | {seconds:.3f} |"
    yield ""
    missing = [sampler for sampler in (OURS, PROBED, *STOCK, *SLOW) if not any(run.sampler == sampler for run in runs)]
    if missing:
        yield f"Not run: {', '.join(missing)}."
        yield ""


def _waste(runs: Sequence[Run]) -> Iterator[str]:
    yield "## Trainings spent on configurations over the limit or tried before, without a gate"
    yield ""
    yield "| sampler | searches | over the limit | repeated |"
    yield "|---|---|---|---|"
    for sampler in (OURS, PROBED, *STOCK):
        own = [run for run in runs if run.sampler == sampler and not run.gated]
        if not own:
            yield f"| {sampler} | not run | | |"
            continue
        trainings = sum(run.trainings for run in own)
        over, twice = sum(run.infeasible for run in own) / trainings, sum(run.repeated for run in own) / trainings
        yield f"| {sampler} | {len(own)} | {over:.1%} | {twice:.1%} |"
