"""What belongs to the search benchmark, and the record of one search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from landscapes import LANDSCAPES

RESULTS = Path(__file__).parent / "data" / "search_runs.jsonl"
#: Trainings after which the hypervolume is written down.
MARKS = (*range(1, 61), *range(65, 201, 5))
OURS = "known_cost"
STOCK = ("random", "nsga2", "tpe", "tpe_multivariate")
SLOW = ("gp", "qlognehvi")
#: The length of each search.
LENGTHS = {OURS: 60, "random": 200, "nsga2": 200, "tpe": 200, "tpe_multivariate": 200, "gp": 80, "qlognehvi": 80}
_LARGE = [name for name, landscape in LANDSCAPES.items() if landscape.network.layers > 12]
SLOW_PROBLEMS = ("additive-8", "trained-tight")


@dataclass(frozen=True)
class Plan:
    """One search that belongs to the benchmark."""

    problem: str
    sampler: str
    gated: bool
    seed: int


@dataclass
class Run:
    """One search that was made: the dominated share of the box up to the reference point at each of :data:`MARKS`."""

    problem: str
    sampler: str
    gated: bool
    seed: int
    hypervolume: list[float]
    infeasible: int
    repeated: int
    refused: int
    ask_seconds: dict[int, float]


def plan(names: list[str], samplers: list[str], seeds: range) -> Iterator[Plan]:
    """Everything behind the gate first, seed by seed; then some seeds without it; the slow samplers last."""
    for seed in seeds:
        for name in names:
            for sampler in samplers:
                if sampler not in SLOW and not _too_slow(name, sampler, seed):
                    yield Plan(name, sampler, sampler != OURS, seed)
    for seed in [seed for seed in seeds if seed < 3]:
        for name in names:
            for sampler in samplers:
                if sampler in STOCK and not _too_slow(name, sampler, seed + 2):
                    yield Plan(name, sampler, False, seed)
    for seed in [seed for seed in seeds if seed < 2]:
        for name in names:
            for sampler in samplers:
                if sampler in SLOW and name in SLOW_PROBLEMS:
                    yield Plan(name, sampler, True, seed)


def _too_slow(problem: str, sampler: str, seed: int) -> bool:
    """Multivariate TPE takes minutes for one search in a large space: fewer seeds there."""
    return sampler == "tpe_multivariate" and problem in _LARGE and seed > 3


def load(results: Path) -> list[Run]:
    """The searches made so far."""
    lines = [json.loads(text) for text in results.read_text().splitlines()] if results.exists() else []
    for line in lines:
        line["ask_seconds"] = {int(key): value for key, value in line["ask_seconds"].items()}
    return [Run(**line) for line in lines]
