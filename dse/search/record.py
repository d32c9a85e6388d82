"""What a run knows about its trials, kept in step with the store: every change is stored before it is acted on."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from cost_models import InputError
from dse.search.mirror import Mirror
from dse.search.progress import Watch
from studies import OBJECTIVES, Evaluation, FrontSnapshot, ParetoFront, State, Study, StudyStore, reference_point
from studies.design_space import Identity


@dataclass
class Record:
    """The trials of one study in the order asked.

    ``trials`` holds all of them by number; ``slots`` the numbers of those that were evaluated (all but the skipped
    ones). A trial is *settled* once its own result and those of all earlier slots are known: the front's history and
    the mirror follow the settled trials, so they do not depend on which worker was faster.
    """

    study: Study
    store: StudyStore
    baseline: Evaluation
    mirror: Mirror | None
    watch: Watch
    trials: list[Evaluation] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    taken: dict[Identity, int] = field(default_factory=dict)
    counts: Counter[State] = field(default_factory=Counter)
    settled: int = 0
    _front: tuple[Evaluation, ...] = ()
    _volume: float | None = None
    _finished: int = 0
    _snapshots: int = 0

    def load(self) -> None:
        """Read the stored trials, and write what an earlier run no longer could: snapshots of the front, the mirror."""
        snapshots = self.store.fronts(self.study.name)
        self._snapshots = snapshots[-1].finished if snapshots else 0
        self._volume = snapshots[-1].hypervolume if snapshots else None
        for evaluation in self.store.evaluations(self.study.name):
            self._check_stored(evaluation)
            self._append(evaluation)
        self._settle()

    def _check_stored(self, evaluation: Evaluation) -> None:
        """A complete trial has a finite number for every objective, unless somebody edited the storage."""
        for name in self.study.objectives.names if evaluation.state is State.COMPLETE else ():
            if not math.isfinite(OBJECTIVES[name].read(evaluation)):
                raise InputError(
                    f"storage {self.store.url}, study {self.study.name!r}, trial {evaluation.trial}: it is complete, "
                    f"yet has no number for {name}; restore a copy, or delete the trial"
                )

    @property
    def front(self) -> ParetoFront:
        """The front of the settled trials."""
        return ParetoFront.of(self._front, self.study.objectives, self.study.constraints)

    @property
    def wanted(self) -> int:
        """Trials that must still be asked for, if all that are running end well."""
        asked = self.counts[State.COMPLETE] + self.counts[State.STOPPED] + self.counts[State.RUNNING]
        return self.study.search.trials - asked

    def identity(self, evaluation: Evaluation) -> Identity:
        """What makes a trial a new one: its configuration and its method."""
        return self.study.space.identity(evaluation.asked, evaluation.choices)

    def slot(self, index: int) -> Evaluation:
        """The evaluated trial at one slot."""
        return self.trials[self.slots[index]]

    def known(self, slots: int) -> bool:
        """Whether the results of the first ``slots`` slots are all known."""
        return all(self.slot(index).state is not State.RUNNING for index in range(self.settled, slots))

    def add(self, evaluation: Evaluation) -> None:
        """Store a new trial: one that is about to run, or a skipped one."""
        self.store.add(self.study.name, evaluation)
        self._append(evaluation)
        self.tell_watch()

    def finish(self, evaluation: Evaluation) -> None:
        """Store the result of a trial that was running."""
        assert evaluation.trial is not None
        self.store.add(self.study.name, evaluation)
        self.counts[self.trials[evaluation.trial].state] -= 1
        self.counts[evaluation.state] += 1
        self.trials[evaluation.trial] = evaluation
        self.watch.trained(evaluation.seconds)
        self._settle()

    def tell_watch(self, note: str = "") -> None:
        """Pass the counts on to whoever watches."""
        counts = {str(state): self.counts[state] for state in State}
        self.watch.update(**counts, front_size=len(self.front), hypervolume=self._volume, note=note)

    def _append(self, evaluation: Evaluation) -> None:
        assert evaluation.trial == len(self.trials)
        self.trials.append(evaluation)
        self.counts[evaluation.state] += 1
        if evaluation.state is not State.SKIPPED:
            self.slots.append(evaluation.trial)
            self.taken.setdefault(self.identity(evaluation), evaluation.trial)

    def _settle(self) -> None:
        while self.settled < len(self.slots) and self.slot(self.settled).state is not State.RUNNING:
            evaluation = self.slot(self.settled)
            self.settled += 1
            if evaluation.state.finished:
                self._finished += 1
                self._extend_front(evaluation)
        until = self.slots[self.settled] if self.settled < len(self.slots) else len(self.trials)
        if self.mirror is not None:
            self.mirror.update(self.trials[:until])
        self.tell_watch()

    def _extend_front(self, evaluation: Evaluation) -> None:
        self._front = (*self._front, evaluation)
        if self._finished <= self._snapshots:
            return
        front = self.front
        self._front = front.members
        point = reference_point(self.baseline, self.study.objectives)
        self._volume = front.hypervolume(point)
        self.store.add_front(self.study.name, FrontSnapshot(self._finished, self._volume, point, front.trials))
        self._snapshots = self._finished
