"""The Pareto front of a set of trials, and the volume that it dominates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from studies.evaluation import Evaluation, State
from studies.objectives import OBJECTIVES

if TYPE_CHECKING:
    import pandas as pd

    from studies.study import Objectives

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FrontSnapshot:
    """The front after ``finished`` trials: its hypervolume and its members' trial numbers, best first objective first.

    ``hypervolume`` is None, and ``reference_point`` empty, where there is no baseline to measure it against.
    """

    finished: int
    hypervolume: float | None
    reference_point: tuple[float, ...]
    members: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference_point", tuple(self.reference_point))
        object.__setattr__(self, "members", tuple(self.members))


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """The trials that no other trial dominates, best in the first objective first.

    A trial dominates another one if it is at least as good in every objective and better in one. Trials with equal
    values do not dominate each other, so configurations that tie are all members; only a configuration that was
    evaluated again with the same values is a member once, by its earliest trial. Build it with :meth:`of`.
    """

    objectives: tuple[str, ...]
    members: tuple[Evaluation, ...] = ()

    @classmethod
    def of(
        cls,
        evaluations: Iterable[Evaluation],
        objectives: Objectives | Iterable[str],
        constraints: Mapping[str, float] | None = None,
    ) -> ParetoFront:
        """The front of the complete evaluations that keep to ``constraints`` (largest allowed measured costs).

        Objectives are read on the validation split. An evaluation with an objective that is missing or not finite is
        left out. The order of ``evaluations`` does not matter.
        """
        names = tuple(objectives) if isinstance(objectives, Iterable) else objectives.names
        candidates = [
            evaluation
            for evaluation in evaluations
            if evaluation.state is State.COMPLETE and fits(evaluation, constraints or {})
        ]
        values = objective_values(candidates, names)
        usable = np.isfinite(values.min(axis=1, initial=np.inf)) & np.isfinite(values.max(axis=1, initial=-np.inf))
        candidates = [candidate for candidate, use in zip(candidates, usable, strict=True) if use]
        values = values[usable]
        front = cls(names)
        best = [index for index, keep in enumerate(non_dominated(values, front.maximized)) if keep]
        # Upwards in this key is best first; the trial's number decides between ties.
        signs = np.where(front.maximized, -1.0, 1.0)
        best.sort(key=lambda index: (*(values[index] * signs), _number(candidates[index])))
        seen = set()
        members = []
        for index in best:
            key = (candidates[index].asked, *values[index])
            if key not in seen:
                members.append(candidates[index])
            seen.add(key)
        return cls(names, tuple(members))

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self.members)

    @property
    def maximized(self) -> tuple[bool, ...]:
        """For each objective, whether more is better."""
        return tuple(OBJECTIVES[name].maximized for name in self.objectives)

    @property
    def directions(self) -> tuple[str, ...]:
        """For each objective, "maximize" or "minimize"."""
        return tuple(OBJECTIVES[name].direction for name in self.objectives)

    @property
    def trials(self) -> tuple[int, ...]:
        """The members' trial numbers (-1 for a baseline among them)."""
        return tuple(_number(member) for member in self.members)

    @property
    def points(self) -> FloatArray:
        """The members' objectives on the validation split: one row for each member, one column for each objective."""
        return objective_values(self.members, self.objectives)

    def values(self, member: Evaluation) -> dict[str, float]:
        """One evaluation's objectives by name, on the validation split."""
        return {name: OBJECTIVES[name].read(member) for name in self.objectives}

    def hypervolume(self, reference_point: Iterable[float]) -> float:
        """The volume between the front and ``reference_point``, in the product of the objectives' units.

        Members that are worse than the reference point in some objective add nothing. Computed by moocore
        (https://multi-objective.github.io/moocore/).
        """
        return hypervolume(self.points, tuple(reference_point), self.maximized)

    def to_pandas(self) -> pd.DataFrame:
        """One row for each member: its trial number and its objectives."""
        import pandas as pd

        frame = pd.DataFrame(self.points, columns=list(self.objectives))
        frame.insert(0, "trial", self.trials)
        return frame


def fits(evaluation: Evaluation, constraints: Mapping[str, float]) -> bool:
    """Whether the evaluation's measured costs are at most ``constraints``; a missing cost does not fit."""
    return all(OBJECTIVES[name].read(evaluation) <= limit for name, limit in constraints.items())


def objective_values(evaluations: Iterable[Evaluation], objectives: Iterable[str]) -> FloatArray:
    """The objectives on the validation split, one row for each evaluation; NaN where one was not measured."""
    readers = [OBJECTIVES[name].read for name in objectives]
    rows = [[read(evaluation) for read in readers] for evaluation in evaluations]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(readers))


def non_dominated(values: FloatArray, maximized: Iterable[bool]) -> NDArray[np.bool_]:
    """For each row of ``values`` (n, m), whether no other row is at least as good in all columns and better in one."""
    if not len(values):
        return np.zeros(0, dtype=np.bool_)
    import moocore

    keep = moocore.is_nondominated(values, maximise=list(maximized), keep_weakly=True)
    return np.asarray(keep, dtype=np.bool_)


def hypervolume(values: FloatArray, reference_point: tuple[float, ...], maximized: Iterable[bool]) -> float:
    """The volume that the rows of ``values`` (n, m) dominate up to the finite ``reference_point`` (m,), else NaN."""
    if not all(map(math.isfinite, reference_point)):
        return math.nan
    if not len(values):
        return 0.0
    import moocore

    return float(moocore.hypervolume(values, ref=list(reference_point), maximise=list(maximized)))


def reference_point(baseline: Evaluation, objectives: Objectives | Iterable[str]) -> tuple[float, ...]:
    """The worst corner that counts: 0 (or 1) for measured shares, the uncompressed network's cost for costs."""
    names = objectives if isinstance(objectives, Iterable) else objectives.names
    return tuple(OBJECTIVES[name].reference(baseline) for name in names)


def _number(evaluation: Evaluation) -> int:
    return -1 if evaluation.trial is None else evaluation.trial
