"""One run of a study, from the checks to the measured front; the same call goes on where an earlier one stopped."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Protocol

import dse.evaluate
from dse.allocator import keep_freed_memory
from dse.search import ENGINES
from dse.search.engine import Engine, Evaluate
from dse.search.final_front import FinalFront
from dse.search.lock import only_run
from dse.search.loop import SearchLoop, StudyAborted
from dse.search.mirror import Mirror
from dse.search.prepare import Prepared, TraceStudy, prepare
from dse.search.progress import OnProgress, Progress, Watch
from dse.search.proposer import Proposer
from dse.search.reachable import check_reachable
from dse.search.record import Record
from dse.search.samplers import probes_wanted
from dse.search.sensitivities import Probe, probed_sensitivities, sensitivities_of
from studies import Evaluation, State, Study, StudyResults, StudyStore


class Baseline(Protocol):
    """Trains (or loads) a study's uncompressed float network and measures it on the given splits."""

    def __call__(self, study: Study, data_root: str | None, splits: tuple[str, ...] = ...) -> Evaluation:
        """Measure on ``splits``; the trial's number is None."""


def run_study(
    study: Study,
    storage_url: str,
    data_root: str | None = None,
    on_progress: OnProgress | None = None,
    *,
    evaluate: Evaluate = dse.evaluate.evaluate,
    baseline: Baseline = dse.evaluate.baseline,
    trace_study: TraceStudy = dse.evaluate.trace_study,
    probe: Probe = probed_sensitivities,
    mirror: bool = True,
) -> StudyResults:
    """Search until the study has ``study.search.trials`` finished trials in all, then measure its front.

    A study that has them already is left as it is. Raises :class:`InputError` for anything wrong with the study before
    the store is touched, and :class:`StudyAborted` where trial after trial fails for one reason. An interruption or
    even a kill loses at most the trainings in flight. With several workers ``evaluate`` must be picklable. ``mirror``:
    keep a copy in Optuna's own tables for its dashboard.
    """
    data_root = data_root or os.environ.get("DSE_DATA") or None
    watch = Watch(Progress("prepare", study.search.trials), on_progress, study.search.workers)
    watch.update()
    make_engine = ENGINES[study.search.engine]
    prepared = prepare(study, trace_study, data_root)
    keep_freed_memory()
    with StudyStore(storage_url) as store, only_run(storage_url, study.name):
        reference = _reference(prepared, store, data_root, baseline, probe, watch)
        record = Record(study, store, reference, Mirror(storage_url, study, prepared.space) if mirror else None, watch)
        watch.update(phase="search")
        record.load()
        with make_engine(study.search.workers, evaluate) as engine:
            _search(prepared, record, engine, data_root)
            final = FinalFront(study, store, engine, watch, data_root)
            final.measure_baseline(reference, lambda splits: baseline(study, data_root, splits))
            final.measure(record.front.members)
        watch.update(phase="done")
        return store.results(study.name)


def _reference(
    prepared: Prepared, store: StudyStore, data_root: str | None, baseline: Baseline, probe: Probe, watch: Watch
) -> Evaluation:
    """The study's stored baseline; a new study is created with it once its limits are known to be reachable.

    The sensitivities that the sampler wants are probed once and kept with it.
    """
    study = prepared.study
    if study.name in store.names():
        store.create(study)  # refuses a study that has changed
    stored = store.baseline(study.name) if study.name in store.names() else None
    if stored is not None:
        return stored
    watch.update(phase="baseline")
    trained = baseline(study, data_root, ("validation",))
    if trained.state is not State.COMPLETE or trained.workload is None:
        raise StudyAborted(f"study {study.name!r}: the uncompressed network could not be trained: {trained.reason}")
    check_reachable(prepared.gate(trained.workload), "constraints, under the activity of the uncompressed network")
    if probes_wanted(study):
        trained = replace(trained, measurements=(*trained.measurements, *probe(study, trained, data_root)))
    store.create(study)
    store.add(study.name, trained)
    return trained


def _search(prepared: Prepared, record: Record, engine: Engine, data_root: str | None) -> None:
    study = prepared.study
    assert record.baseline.workload is not None
    gate = prepared.gate(record.baseline.workload)
    loop = SearchLoop(study, gate, Proposer(study, gate, sensitivities_of(record.baseline)), record, engine, data_root)
    loop.run()
    failed = [trial for trial in record.trials if trial.state is State.FAILED]
    if failed and not record.counts[State.COMPLETE] + record.counts[State.STOPPED]:
        raise StudyAborted(f"study {study.name!r}: every trial failed, the last one with: {failed[-1].reason}")
    if loop.exhausted:
        record.tell_watch(
            f"the space holds no further configuration that keeps the limits: the search ends after "
            f"{record.counts[State.COMPLETE]} of {study.search.trials} trials"
        )
