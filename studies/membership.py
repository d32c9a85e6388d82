"""How sure the places on a front are: members were chosen for what one training gave, and trainings differ by chance.

Costs are exact, measured objectives scatter with the training seed. The scatter is taken as normal, with one deviation
for all members, estimated from all seeds. A member's mean is that of the seeds of the later trainings: the seed of the
trial itself was selected for its luck and is left out. Both uncertainties (of the means and of the deviation) are drawn
many times, and the probability is the share of draws in which no other member dominates. Own method; the standard
posterior of normal means with a common unknown variance (Gelman et al., Bayesian Data Analysis, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from studies.evaluation import Evaluation
from studies.objectives import OBJECTIVES

FloatArray = NDArray[np.float64]

DRAWS = 4000


def seed_values(evaluation: Evaluation, objective: str) -> dict[int, float]:
    """A measured objective on the validation split under each training seed, where it is finite."""
    read = OBJECTIVES[objective].read
    seeds = sorted({m.seed for m in evaluation.measurements if m.split == "validation"})
    values = {seed: read(replace(evaluation, seed=seed)) for seed in seeds}
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def seed_deviation(evaluations: Iterable[Evaluation], objective: str = "accuracy") -> tuple[float, int] | None:
    """The standard deviation between training seeds, pooled over evaluations, and its degrees of freedom.

    None where no evaluation has two seeds.
    """
    squares, freedom = 0.0, 0
    for evaluation in evaluations:
        values = list(seed_values(evaluation, objective).values())
        if len(values) > 1:
            squares += float(np.var(values)) * len(values)
            freedom += len(values) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else None


def front_probabilities(members: Sequence[Evaluation], objectives: Sequence[str]) -> tuple[float | None, ...]:
    """For each member of a front, the probability that no other member dominates its mean values.

    None for all where the scatter is not known, as no member was trained under two seeds. The same members give the
    same numbers.
    """
    measured = [name for name in objectives if not OBJECTIVES[name].is_cost]
    deviations = [seed_deviation(members, name) for name in measured]
    if not members or not measured or any(deviation is None for deviation in deviations):
        return (None,) * len(members)
    generator = np.random.default_rng(0)
    drawn = np.stack(
        [
            _draw_means(members, name, deviation, generator)
            for name, deviation in zip(measured, deviations, strict=True)
            if deviation is not None
        ],
        axis=2,
    )
    costs = np.array(
        [[OBJECTIVES[name].read(member) for name in objectives if OBJECTIVES[name].is_cost] for member in members]
    ).reshape(len(members), -1)
    return tuple(float(np.mean(~_dominated(index, drawn, costs))) for index in range(len(members)))


def _draw_means(
    members: Sequence[Evaluation], name: str, deviation: tuple[float, int], generator: np.random.Generator
) -> FloatArray:
    """Draws of the members' means (draws, members), turned so that more is better."""
    spread, freedom = deviation
    means, counts = [], []
    for member in members:
        values = seed_values(member, name)
        later = [value for seed, value in values.items() if seed != member.seed] or list(values.values())
        means.append(float(np.mean(later)) if later else math.nan)
        counts.append(max(len(later), 1))
    scale = spread * np.sqrt(freedom / generator.chisquare(freedom, size=(DRAWS, 1)))
    normal = generator.standard_normal((DRAWS, len(members)))
    draws = np.array(means) + normal * scale / np.sqrt(counts)
    return draws if OBJECTIVES[name].maximized else -draws


def _dominated(index: int, drawn: FloatArray, costs: FloatArray) -> NDArray[np.bool_]:
    """In which draws (draws,) another member is at least as good in everything and better in something."""
    no_dearer = (costs <= costs[index]).all(axis=1)
    cheaper = (costs < costs[index]).any(axis=1)
    own = drawn[:, index : index + 1]
    as_good = (drawn >= own).all(axis=2)
    better = (drawn > own).any(axis=2) | cheaper
    dominating = as_good & better & no_dearer
    dominating[:, index] = False
    found: NDArray[np.bool_] = dominating.any(axis=1)
    return found
