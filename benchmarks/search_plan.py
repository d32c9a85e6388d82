"""What belongs to the search benchmark, and the record of one search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "data" / "search_runs.jsonl"
#: Trainings after which the hypervolume is written down.
MARKS = (*range(1, 61), *range(65, 201, 5))
OURS = "known_cost"
#: The same, told sensitivities that were probed before the search, as `dse run` does.
PROBED = "known_cost_probed"
STOCK = ("random", "nsga2", "tpe", "tpe_multivariate")
SLOW = ("gp", "qlognehvi")
SLOW_PROBLEMS = ("loose-4", "trained", "additive-8")
#: Seeds of the slow samplers, of which one search takes ten minutes or more.
SLOW_SEEDS = 2
_LENGTHS = {OURS: 60, PROBED: 60, **dict.fromkeys(STOCK, 200), **dict.fromkeys(SLOW, 80)}
#: Where ours goes on to 80: beside the slow samplers, and on the trained tables, where 60 were too few.
_LONGER = (*SLOW_PROBLEMS, "trained-tight")


@dataclass(frozen=True)
class Plan:
    """One search that belongs to the benchmark."""

    problem: str
    sampler: str
    gated: bool
    seed: int


@dataclass
class Run:
    """One search that was made: the dominated share of the box up to the reference point at each of :data:`MARKS`.

    ``by_readings`` is the same scored by what each single training read, kept for the trained tables.
    """

    problem: str
    sampler: str
    gated: bool
    seed: int
    hypervolume: list[float]
    infeasible: int
    repeated: int
    refused: int
    ask_seconds: dict[int, float]
    by_readings: list[float] = field(default_factory=list)

    @property
    def trainings(self) -> int:
        """How many it came to."""
        return max(self.ask_seconds)

    @property
    def last_ask_seconds(self) -> float:
        """What a proposal took at its end."""
        return self.ask_seconds[self.trainings]


def plan(names: list[str], samplers: list[str], seeds: range) -> Iterator[Plan]:
    """Ours, then stock samplers behind the gate, then without it, each seed by seed; the slow samplers last."""
    few = seeds[:SLOW_SEEDS]
    for chosen, of_those, gated in (
        (seeds, (OURS, PROBED), False),
        (seeds, STOCK, True),
        (seeds, STOCK, False),
        (few, SLOW, True),
    ):
        for seed in chosen:
            for name in names:
                for sampler in samplers:
                    if sampler in of_those and (sampler not in SLOW or name in SLOW_PROBLEMS):
                        yield Plan(name, sampler, gated, seed)


def length_of(problem: str, sampler: str) -> int:
    """The trainings of a search."""
    return 80 if sampler in (OURS, PROBED) and problem in _LONGER else _LENGTHS[sampler]


def load(results: Path) -> list[Run]:
    """The searches made so far."""
    lines = [json.loads(text) for text in results.read_text().splitlines()] if results.exists() else []
    for line in lines:
        line["ask_seconds"] = {int(key): value for key, value in line["ask_seconds"].items()}
    return [Run(**line) for line in lines]
