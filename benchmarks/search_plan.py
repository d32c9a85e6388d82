"""What belongs to the search benchmark, and the record of one search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from landscapes import LANDSCAPES

RESULTS = Path(__file__).parent / "data" / "search_runs.jsonl"
#: Trainings after which the hypervolume is written down.
MARKS = (*range(1, 61), *range(65, 201, 5))
OURS = "known_cost"
#: The same, told sensitivities that were probed before the search, as `dse run` does.
PROBED = "known_cost_probed"
STOCK = ("random", "nsga2", "tpe", "tpe_multivariate")
SLOW = ("gp", "qlognehvi")
#: The length of each search.
LENGTHS = {
    OURS: 60,
    PROBED: 60,
    "random": 200,
    "nsga2": 200,
    "tpe": 200,
    "tpe_multivariate": 200,
    "gp": 80,
    "qlognehvi": 80,
}
SLOW_PROBLEMS = ("loose-4", "trained", "additive-8")
#: Seeds of the samplers that take a minute or more for one search: (up to 8 layers, up to 12 layers, more).
_FEWER_SEEDS = {"tpe": (10, 5, 3), "tpe_multivariate": (10, 5, 3)}
_LAYERS = {name: landscape.network.layers for name, landscape in LANDSCAPES.items()}


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
    """Ours, then stock samplers behind the gate, seed by seed; some seeds without it; the slow samplers last."""
    for seed in seeds:
        for name in names:
            for sampler in samplers:
                if sampler in (OURS, PROBED):
                    yield Plan(name, sampler, False, seed)
    for seed in seeds:
        for name in names:
            for sampler in samplers:
                if sampler in STOCK and seed < seeds_of(name, sampler):
                    yield Plan(name, sampler, True, seed)
    for seed in [seed for seed in seeds if seed < 2]:
        for name in names:
            for sampler in samplers:
                if sampler in STOCK and seed < seeds_of(name, sampler):
                    yield Plan(name, sampler, False, seed)
    for seed in [seed for seed in seeds if seed < 2]:
        for name in names:
            for sampler in samplers:
                if sampler in SLOW and name in SLOW_PROBLEMS:
                    yield Plan(name, sampler, True, seed)


def seeds_of(problem: str, sampler: str) -> int:
    """How many seeds of a sampler belong to the benchmark: the slower it is in a space, the fewer."""
    few, some, many = _FEWER_SEEDS.get(sampler, (10, 10, 10))
    layers = _LAYERS.get(problem, 4)
    return few if layers <= 8 else some if layers <= 12 else many


def load(results: Path) -> list[Run]:
    """The searches made so far."""
    lines = [json.loads(text) for text in results.read_text().splitlines()] if results.exists() else []
    for line in lines:
        line["ask_seconds"] = {int(key): value for key, value in line["ask_seconds"].items()}
    return [Run(**line) for line in lines]
