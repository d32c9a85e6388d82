"""The members of the final front, trained with several seeds and measured on the test split: its only use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dse.evaluate import Job
from dse.search.engine import Engine
from dse.search.progress import Watch
from dse.search.seeds import derive_seed
from studies import Evaluation, Measurement, State, Study, StudyStore, distortion_measurements

SPLITS = ("validation", "test")


def seeds_of(study: Study, member: Evaluation) -> tuple[int, ...]:
    """The training seeds of one front member: the trial's own, and others derived from the study's seed."""
    more = (
        derive_seed(study.seed, f"front/{number}", member.trial or 0)
        for number in range(1, study.search.seeds_on_front)
    )
    return (member.seed, *more)[: study.search.seeds_on_front]


def unmeasured(study: Study, member: Evaluation) -> Iterator[int]:
    """The seeds under which a member has not been measured on the test split."""
    measured = member.values("test")
    return (seed for seed in seeds_of(study, member) if seed not in measured)


def new_measurements(known: Evaluation, measured: Evaluation) -> tuple[Measurement, ...]:
    """What was measured but is not stored yet; what is stored stays as it is."""
    stored = {(m.split, m.metric, m.seed) for m in known.measurements}
    return tuple(m for m in measured.measurements if (m.split, m.metric, m.seed) not in stored)


@dataclass
class FinalFront:
    """Measures front members with what a run has at hand."""

    study: Study
    store: StudyStore
    engine: Engine
    watch: Watch
    data_root: str | None = None

    def measure_baseline(self, known: Evaluation, baseline: Callable[[tuple[str, ...]], Evaluation]) -> None:
        """Measure the uncompressed network on the test split, unless it was before."""
        if self.study.search.seeds_on_front and known.value("test") is None:
            self.store.add_measurements(self.study.name, None, new_measurements(known, baseline(SPLITS)))

    def _job(self, member: Evaluation, seed: int) -> Job:
        """The member under one seed; where it found its ratios itself, other seeds meet those: they share one cost."""
        found = member.realised if seed != member.seed else None
        return replace(Job.of(self.study, member, SPLITS, self.data_root), seed=seed, found=found)

    def measure(self, members: tuple[Evaluation, ...]) -> None:
        """Train each member under each of its seeds that was not measured yet, and store what was measured."""
        baseline = self.store.baseline(self.study.name)
        jobs = [(member, self._job(member, seed)) for member in members for seed in unmeasured(self.study, member)]
        for number, (_, job) in enumerate(jobs):
            self.engine.start(number, job)
        self.watch.update(phase="front", measured=0, to_measure=len(jobs))
        for done in range(1, len(jobs) + 1):
            number, result = self.engine.finished()
            member = jobs[number][0]
            assert member.trial is not None
            note = ""
            if result.state is State.COMPLETE:
                derived = distortion_measurements(result, baseline) if baseline else ()
                result = replace(result, measurements=(*result.measurements, *derived))
                self.store.add_measurements(self.study.name, member.trial, new_measurements(member, result))
                self.watch.trained(result.seconds)
            else:
                note = f"trial {member.trial} could not be trained with seed {jobs[number][1].seed}: {result.reason}"
            self.watch.update(measured=done, note=note)
