"""What early stopping saves and what it loses, replayed on a table of really trained configurations.

Run: ``python benchmarks/early_stopping.py [--minutes M] [--page-only]``; the same command goes on where it stopped. It
replays the accuracy curves of ``data/trained_table.jsonl`` (see trained_table.py) through the tool's own
:class:`dse.search.stopping.EarlyStopping`, in random orders and in those of the tool's own search, appends one line for
each replay to ``data/early_stopping.jsonl``, and writes ``docs/results/early_stopping.md``. The peer is MOASHA of Syne
Tune (``pip install --no-deps syne-tune dill``), left out where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from stopping_page import NOTICED, write_page
from stopping_replay import Replay, Start, Table, all_known, never, noise_known, ours
from trained_table import DATA, TABLE

from dse.early_stopping import RISK
from dse.evaluate import Job
from dse.search.run import run_study
from studies import Evaluation, ParetoFront, State, Study

RESULTS = DATA / "early_stopping.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "results" / "early_stopping.md"
RISKS = (0.05, 0.1, 0.25, 0.5)
BOUND_RISKS = (0.1, 0.25)
ORDERS = 20
#: Orders that nothing was chosen on.
CONFIRMED = range(20, 40)
REDRAWN = 10
PEER_ORDERS = 10
SEARCHES = 5
SEARCH_TRIALS = 60

Line = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One replay: what it is called in the results, and how it is made."""

    part: str
    method: str
    seed: int
    make: Callable[[], Line]


def parts(table: Table) -> Iterator[Part]:
    """All replays."""
    size = len(table.trials)

    @cache
    def whole(part: str, seed: int) -> Replay:
        return Replay.run(table.redrawn(seed) if part == "redrawn" else table, shuffled(seed, size), never)

    def replays(part: str, seeds: Iterable[int], methods: dict[str, Callable[[Table], Start]]) -> Iterator[Part]:
        for seed in seeds:
            for method, start in methods.items():

                def make(seed: int = seed, start: Callable[[Table], Start] = start) -> Line:
                    full = whole(part, seed)
                    return compared(full, Replay.run(full.table, shuffled(seed, size), start(full.table)))

                yield Part(part, method, seed, make)

    rules = {f"ours {risk:g}": partial(ours, risk=risk) for risk in RISKS}
    bounds = {f"noise known {risk:g}": partial(noise_known, risk=risk) for risk in BOUND_RISKS}
    yield from replays("table", range(ORDERS), {**rules, "all known": all_known, **bounds})
    default = f"ours {RISK:g}"
    yield from replays("confirmation", CONFIRMED, {default: rules[default]})
    for seed in range(SEARCHES):
        yield Part("search", f"known_cost {RISK:g}", seed, lambda seed=seed: searched(table, seed))  # type: ignore[misc]
    yield from replays("table", range(PEER_ORDERS), peers())
    yield from replays("redrawn", range(REDRAWN), {f"ours {r:g}": rules[f"ours {r:g}"] for r in (RISK, *BOUND_RISKS)})


def shuffled(seed: int, size: int) -> list[int]:
    return [int(number) for number in np.random.default_rng(seed).permutation(size)]


def peers() -> dict[str, Callable[[Table], Start]]:
    try:
        from stopping_peer import AsShipped, Ranks, moasha
    except ImportError:
        print("Syne Tune is not installed: MOASHA is left out")
        return {}
    return {
        "MOASHA 2": lambda table: moasha(table, 2, Ranks()),
        "MOASHA 1": lambda table: moasha(table, 1, Ranks()),
        "MOASHA as shipped": lambda table: moasha(table, 1, AsShipped()),
    }


def compared(full: Replay, other: Replay) -> Line:
    """What a replay saved and lost against the same order with every training run to its end."""
    final = full.history[-1][1]
    mine, theirs = other.epochs_to(final * NOTICED), full.epochs_to(final * NOTICED)
    return {
        "epochs_share": other.epochs / full.epochs,
        "stopped_after": other.stopped_after,
        "members": len(full.front),
        "lost": len(set(full.front.trials) - set(other.finished)),
        "volume": other.history[-1][1] / final,
        "full_volume_at_these_epochs": full.volume_at(other.epochs) / final,
        "epochs_to_volume": mine / theirs if mine is not None and theirs is not None else None,
    }


def searched(table: Table, seed: int) -> Line:
    """The tool's own search over the table, with early stopping and without.

    A member is lost if it was stopped and would be on the front of all that this search proposed.
    """
    search = replace(table.study.search, trials=SEARCH_TRIALS, seeds_on_front=0)
    study = replace(table.study, seed=seed, search=search)
    stopping = _run(table, study)
    whole = _run(table, replace(study, search=replace(search, early_stopping=False)))
    by_asked = {trial.asked: trial for trial in table.trials}
    ended = [replace(by_asked[one.asked], trial=one.trial) for one in stopping]
    best = ParetoFront.of(ended, study.objectives)
    complete = {one.trial for one in stopping if one.state is State.COMPLETE}
    reached = ParetoFront.of([one for one in ended if one.trial in complete], study.objectives)
    without = ParetoFront.of([by_asked[one.asked] for one in whole], study.objectives)
    epochs = sum(len(one.curve) for one in stopping)
    return {
        "trials": SEARCH_TRIALS,
        "epochs_share": epochs / (SEARCH_TRIALS * table.epochs),
        "stopped_after": [
            sum(one.state is State.STOPPED and len(one.curve) == e for one in stopping) for e in range(1, table.epochs)
        ],
        "members": len(best),
        "lost": len(set(best.trials) - complete),
        "volume": reached.hypervolume(table.reference) / best.hypervolume(table.reference),
        "volume_without": without.hypervolume(table.reference) / best.hypervolume(table.reference),
    }


def _run(table: Table, study: Study) -> tuple[Evaluation, ...]:
    by_asked = {trial.asked: trial for trial in table.trials}

    def evaluate(job: Job) -> Evaluation:
        trial = replace(by_asked[job.configuration], trial=job.trial, seed=job.seed, choices=dict(job.choices))
        measured = tuple(replace(one, seed=job.seed) for one in trial.measurements)
        for epoch in range(1, table.epochs):
            if job.stopping is not None and job.stopping.stops(trial.curve[:epoch]):
                return job.stopping.stopped(job.trial, job.seed, job.configuration, trial.curve[:epoch], 0.0)
        return replace(trial, measurements=measured)

    def baseline(study: Study, data_root: str | None, splits: tuple[str, ...] = ("validation",)) -> Evaluation:
        return table.baseline

    with tempfile.TemporaryDirectory() as folder:
        found = run_study(study, f"sqlite:///{folder}/table.db", evaluate=evaluate, baseline=baseline, mirror=False)
    return found.evaluations


def replay_all(table: Table, output: Path, minutes: float) -> list[Line]:
    """One line for each replay; those that are in ``output`` are not made again."""
    lines: list[Line] = [json.loads(text) for text in output.read_text().splitlines()] if output.exists() else []
    done = {(line["part"], line["method"], line["seed"]) for line in lines}
    until = time.monotonic() + 60.0 * minutes
    with output.open("a") as file:
        for part in parts(table):
            key = (part.part, part.method, part.seed)
            if key not in done and time.monotonic() < until:
                lines.append({"part": part.part, "method": part.method, "seed": part.seed, **part.make()})
                print(json.dumps(lines[-1]), file=file, flush=True)
                print(json.dumps(lines[-1]), flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--page-only", action="store_true", help="replay nothing")
    options = parser.parse_args()
    table = Table.load(options.table)
    write_page(replay_all(table, options.results, 0.0 if options.page_only else options.minutes), table, options.page)


if __name__ == "__main__":
    main()
