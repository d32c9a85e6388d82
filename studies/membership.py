"""How sure the places on a front are: members were chosen for what one training gave, and trainings differ by chance.

Costs are exact, measured objectives scatter with the training seed. The scatter is taken as normal with one deviation
for all members on the scale of :func:`log_error`, where members of all levels scatter about alike: on the front of the
ready study ``digits`` one training differs from the next by 14 points at 74% accuracy and by 0.3 to 0.7 above 98%, so a
deviation of the accuracies themselves, pooled over both, would call points equal that clearly differ. A member's mean
is that of the seeds of the later trainings: the seed of the trial itself was selected for its luck and is left out.
Both uncertainties (of the means and of the deviation) are drawn many times, and the probability is the share of draws
in which no other member dominates. Own method; the standard posterior of normal means with a common unknown variance
(Gelman et al., Bayesian Data Analysis, section 3.2).
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
_FLOOR = 0.01  # the share of errors below which differences count ever less


def log_error(accuracy: FloatArray | float) -> FloatArray:
    """-log(1 - accuracy + 0.01), the scale of relative changes of the error, on which more is better.

    >>> float((log_error(0.97) - log_error(0.93)).round(3)), float((log_error(0.66) - log_error(0.31)).round(3))
    (0.693, 0.693)
    """
    return -np.log(np.maximum(1.0 - np.asarray(accuracy, dtype=np.float64), 0.0) + _FLOOR)


def accuracy_of(value: float) -> float:
    """The accuracy, a share, at a value of :func:`log_error`.

    >>> round(accuracy_of(float(log_error(0.9))), 6)
    0.9
    """
    return min(max(1.0 + _FLOOR - math.exp(-value), 0.0), 1.0)


def deviation_at(accuracy: float, deviation: float) -> float:
    """The standard deviation of an accuracy at this level that has ``deviation`` on the scale of :func:`log_error`.

    >>> round(deviation_at(0.99, 0.2), 6)
    0.004
    """
    return deviation * (1.0 - accuracy + _FLOOR)


def seed_values(evaluation: Evaluation, objective: str) -> dict[int, float]:
    """A measured objective on the validation split under each training seed, where it is finite."""
    read = OBJECTIVES[objective].read
    seeds = sorted({m.seed for m in evaluation.measurements if m.split == "validation"})
    values = {seed: read(replace(evaluation, seed=seed)) for seed in seeds}
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def seed_deviation(evaluations: Iterable[Evaluation], objective: str = "accuracy") -> tuple[float, int] | None:
    """The standard deviation between training seeds, pooled over evaluations, and its degrees of freedom.

    Accuracies, errors and recalls are pooled on the scale of :func:`log_error`; :func:`deviation_at` tells what it
    means at one accuracy. None where no evaluation has two seeds.
    """
    squares, freedom = 0.0, 0
    for evaluation in evaluations:
        values = _comparable(objective, list(seed_values(evaluation, objective).values()))
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
    """Draws of the members' means (draws, members) on the scale of :func:`_comparable`."""
    spread, freedom = deviation
    means, counts = [], []
    for member in members:
        values = seed_values(member, name)
        later = [value for seed, value in values.items() if seed != member.seed] or list(values.values())
        means.append(float(np.mean(_comparable(name, later))) if later else math.nan)
        counts.append(max(len(later), 1))
    scale = spread * np.sqrt(freedom / generator.chisquare(freedom, size=(DRAWS, 1)))
    normal = generator.standard_normal((DRAWS, len(members)))
    draws: FloatArray = np.array(means) + normal * scale / np.sqrt(counts)
    return draws


def _comparable(name: str, values: Sequence[float]) -> FloatArray:
    """Values of a measured objective so that more is better; shares of right and wrong answers as log error."""
    found = np.array(values, dtype=np.float64)
    if OBJECTIVES[name].maximized:
        return log_error(found)
    return log_error(1.0 - found) if name == "error" else -found


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
