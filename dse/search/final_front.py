"""The members of the final front, raced over several seeds and measured on the test split: its only use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dse.evaluate import Job
from dse.search.engine import Engine
from dse.search.progress import Watch
from dse.search.racing import Race
from studies import Evaluation, Measurement, State, Study, StudyStore, distortion_measurements

SPLITS = ("validation", "test")


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
        """Race the members over ``seeds_on_front`` trainings each on average, and store what is measured.

        A training that is stored already is not repeated. Test values are measured with the same trainings and decide
        nothing.
        """
        budget = len(members) * self.study.search.seeds_on_front
        if not budget:
            return
        known = sum(len(member.values("test")) for member in members)
        self.watch.update(phase="front", measured=0, to_measure=max(budget - known, 0))
        Race(self.study, members, budget, self._train).run()
        self.watch.update(to_measure=self.watch.latest.measured)

    def _train(self, wanted: Sequence[tuple[Evaluation, int]]) -> list[tuple[Measurement, ...]]:
        found = [tuple(m for m in member.measurements if m.seed == seed) for member, seed in wanted]
        missing = [index for index, (member, seed) in enumerate(wanted) if seed not in member.values("test")]
        for index in missing:
            member, seed = wanted[index]
            self.engine.start(index, self._job(member, seed))
            found[index] = ()
        for _ in missing:
            index, result = self.engine.finished()
            found[index] = self._stored(wanted[index][0], result)
        return found

    def _stored(self, member: Evaluation, result: Evaluation) -> tuple[Measurement, ...]:
        """Store what one training gave, and give what is then known of it; nothing if it failed."""
        assert member.trial is not None
        note = ""
        known: tuple[Measurement, ...] = ()
        if result.state is State.COMPLETE:
            baseline = self.store.baseline(self.study.name)
            derived = distortion_measurements(result, baseline) if baseline else ()
            result = replace(result, measurements=(*result.measurements, *derived))
            new = new_measurements(member, result)
            self.store.add_measurements(self.study.name, member.trial, new)
            # What was measured before stays: the value that won a trial its place is not replaced.
            known = (*new, *(m for m in member.measurements if m.seed == result.seed))
            self.watch.trained(result.seconds)
        else:
            note = f"trial {member.trial} could not be trained with seed {result.seed}: {result.reason}"
        measured = self.watch.latest.measured + 1
        self.watch.update(measured=measured, to_measure=max(measured, self.watch.latest.to_measure), note=note)
        return known
