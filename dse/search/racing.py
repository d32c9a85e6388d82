"""Which member of the final front is trained next: the one whose place is least decided for the trainings it has had.

Every member gets a fair start; what is left of the budget goes where it can still change the answer. Own rule, in the
spirit of racing (Maron, Moore 1997) and of optimal computing budget allocation: decisions use the validation split
alone. All is decided from the values, so a race that is taken up again runs as if it had never been interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dse.search.seeds import derive_seed
from studies import Evaluation, Measurement, Study
from studies.membership import front_probabilities

#: Trainings of every member before the race: under the seed of the trial itself, and under a new one.
FAIR_START = 2
#: What a decided member counts as undecided, so that a budget that is left over is spread evenly.
_LEAST_DOUBT = 0.01

#: Trains members under seeds, all at once: what was measured of each, empty where the training failed.
Train = Callable[[Sequence[tuple[Evaluation, int]]], Sequence[tuple[Measurement, ...]]]


def member_seed(study: Study, member: Evaluation, number: int) -> int:
    """The seed of a member's training of this number: 0 is that of the trial, others derive from the study's seed."""
    return member.seed if number == 0 else derive_seed(study.seed, f"front/{number}", member.trial or 0)


@dataclass
class Race:
    """One race over the members of a front; ``budget`` is the number of trainings in all, at least the fair start."""

    study: Study
    members: Sequence[Evaluation]
    budget: int
    train: Train
    _counts: list[int] = field(default_factory=list)
    _known: list[Evaluation] = field(default_factory=list)

    def run(self) -> None:
        """Spend the budget, as many trainings at a time as the study has workers."""
        self._counts = [0] * len(self.members)
        # What was measured in an earlier run counts only once this race has come to it.
        self._known = [_with(member, (), member.seed) for member in self.members]
        first = [index for _ in range(FAIR_START) for index in range(len(self.members))][: self.budget]
        self._round(first)
        left = self.budget - len(first)
        while left > 0 and self.members:
            chosen = self._undecided(min(self.study.search.workers, left))
            self._round(chosen)
            left -= len(chosen)

    def _undecided(self, count: int) -> list[int]:
        probabilities = front_probabilities(self._known, self.study.objectives.names)
        doubts = [_LEAST_DOUBT + (p * (1.0 - p) if p is not None else 0.0) for p in probabilities]
        counts, chosen = list(self._counts), []
        for _ in range(count):
            # The variance that one more training takes from a mean of n is about 1 / n - 1 / (n + 1).
            gains = [doubt / (n * (n + 1)) if n else doubt for doubt, n in zip(doubts, counts, strict=True)]
            chosen.append(gains.index(max(gains)))
            counts[chosen[-1]] += 1
        return chosen

    def _round(self, indices: Sequence[int]) -> None:
        jobs = []
        for index in indices:
            jobs.append((index, member_seed(self.study, self.members[index], self._counts[index])))
            self._counts[index] += 1
        found = self.train([(self.members[index], seed) for index, seed in jobs])
        for (index, seed), measurements in zip(jobs, found, strict=True):
            self._known[index] = _with(self._known[index], measurements, seed)


def _with(member: Evaluation, measurements: Sequence[Measurement], seed: int) -> Evaluation:
    """A member that is known under its own seed on the validation split, under earlier seeds, and under ``seed``."""
    if not measurements:
        own = tuple(m for m in member.measurements if m.split == "validation" and m.seed == member.seed)
        return replace(member, measurements=own) if seed == member.seed else member
    new = tuple(m for m in measurements if m.split == "validation" and m.seed == seed)
    kept = tuple(m for m in member.measurements if m.seed != seed)
    return replace(member, measurements=(*kept, *new))
