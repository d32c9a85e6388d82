"""The loop of a search: ask, gate, evaluate, store, tell, and take up where an earlier run stopped.

Evaluated trials are numbered by slots in the order asked (skipped proposals have a trial number but no slot). With w
workers the proposal for slot k sees exactly the results of slots 0 to k - w, whatever ended first, and all skips; the
w - 1 trials between count as running. So the same study gives the same trials, resumed or in one go.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, replace

import numpy as np

from cost_models import CostReport, estimate, losing_layers
from dse.evaluate import Job
from dse.search.engine import Engine
from dse.search.limits import CostGate, in_units, measured_excesses
from dse.search.proposer import Proposal, Proposer
from dse.search.record import Record
from dse.search.seeds import derive_seed
from dse.search.stopping import EarlyStopping, watches_curves
from studies import OBJECTIVES, Evaluation, State, Study, cost_value, distortion_measurements

#: Skipped proposals in a row after which a random configuration that fits is taken.
MOST_SKIPS = 500
#: The same for repeats alone: a sampler that repeats itself this often has converged.
MOST_REPEATS = 25
#: Failed trials in a row with one reason after which the run gives up; layers and numbers in it do not count.
MOST_FAILURES = 10
#: The same for failures of any kinds.
MOST_FAILURES_OF_ANY_KIND = 30
_NUMBER = re.compile(r"[-+]?\d[\d_.]*(?:[eE][-+]?\d+)?")
_REPEATS = "repeats trial"


class StudyAborted(RuntimeError):  # noqa: N818
    """The run gave up because trial after trial failed; the study can be resumed."""


@dataclass
class SearchLoop:
    """One search; everything that it needs is handed in."""

    study: Study
    gate: CostGate
    proposer: Proposer
    record: Record
    engine: Engine
    data_root: str | None = None
    exhausted: bool = False
    _told: int = 0
    _reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._stopping = EarlyStopping(self.study, self.gate)

    def run(self) -> None:
        """Search until the study has its number of finished trials or its space is used up."""
        self._resume()
        while True:
            while not self.exhausted and self.record.wanted > 0 and self._may_ask():
                self._fill_slot()
            if not self.record.counts[State.RUNNING]:
                return
            self._receive(*self.engine.finished())

    def _visible(self, slot: int) -> int:
        """How many slots, from the first on, the proposal for this slot sees."""
        return max(slot - self.study.search.workers + 1, 0)

    def _may_ask(self) -> bool:
        return self.record.known(self._visible(len(self.record.slots)))

    def _resume(self) -> None:
        """Rebuild the sampler's study from the stored trials and evaluate those that were in flight once more."""
        visible = self._visible(len(self.record.slots))
        while self._told < visible and self.record.known(self._told + 1):
            self._told += 1
        told = set(self.record.slots[: self._told])
        for number, evaluation in enumerate(self.record.trials):
            self.proposer.add(evaluation, told=evaluation.state is State.SKIPPED or number in told)
        ended = [one for one in self.record.trials if one.state not in (State.SKIPPED, State.RUNNING)]
        failed = list(itertools.takewhile(lambda one: one.state is State.FAILED, reversed(ended)))
        self._reasons = tuple(one.reason for one in reversed(failed))
        for evaluation in self.record.trials:
            if evaluation.state is State.RUNNING:
                self._start(evaluation)

    def _fill_slot(self) -> None:
        """Ask until a proposal passes the gate, and start it."""
        while self._told < self._visible(len(self.record.slots)):
            self.proposer.tell(self.record.slot(self._told))
            self._told += 1
        while not self.exhausted:
            proposal = self._proposal()
            if proposal is None:
                self.exhausted = True
                return
            evaluation = self._gated(proposal)
            self.record.add(evaluation)
            if evaluation.state is State.RUNNING:
                return self._start(evaluation)
            self.proposer.tell(evaluation)

    def _proposal(self) -> Proposal | None:
        """The sampler's proposal, or a random one that fits where the sampler keeps proposing what does not."""
        number = len(self.record.trials)
        skips = list(itertools.takewhile(lambda one: one.state is State.SKIPPED, reversed(self.record.trials)))
        repeats = list(itertools.takewhile(lambda one: one.reason.startswith(_REPEATS), skips))
        if len(skips) < MOST_SKIPS and len(repeats) < MOST_REPEATS:
            return self.proposer.ask(number)
        generator = np.random.default_rng(derive_seed(self.study.seed, "draw", number))
        row = self.gate.draw(self.record.taken.keys(), generator)
        return None if row is None else self.proposer.ask(number, self.gate.space.choices(row))

    def _gated(self, proposal: Proposal) -> Evaluation:
        """The trial of a proposal: to be run, or skipped with the reason and the cost that it would have."""
        evaluation = Evaluation(
            trial=proposal.number,
            seed=derive_seed(self.study.seed, "training", proposal.number),
            state=State.RUNNING,
            asked=proposal.configuration,
            choices=proposal.choices,
            optuna_attributes=proposal.attributes,
        )
        cost = estimate(self.gate.workload, proposal.configuration, self.gate.hardware)
        reason = self._objection(evaluation, cost)
        return replace(evaluation, state=State.SKIPPED, reason=reason, cost=cost) if reason else evaluation

    def _objection(self, evaluation: Evaluation, cost: CostReport) -> str:
        earlier = self.record.taken.get(self.record.identity(evaluation))
        if earlier is not None:
            return f"{_REPEATS} {earlier}"
        if self.gate.skips_losing:
            lost = losing_layers(self.gate.workload, evaluation.asked, self.gate.hardware)
            if lost:
                return f"{lost[0]} is pruned, yet slower or larger than dense on {self.gate.hardware.name}"
        for name, excess in measured_excesses(cost, self.study.cost_limits).items():
            if excess > 0:
                limit = self.study.constraints[name]
                return f"{name} is {in_units(name, cost_value(cost, name))}, over the limit of {in_units(name, limit)}"
        return ""

    def _start(self, evaluation: Evaluation) -> None:
        assert evaluation.trial is not None
        job = replace(
            Job.of(self.study, evaluation, data_root=self.data_root),
            curve=watches_curves(self.study),
            stopping=self._stopping.rule(evaluation.asked, self._alike(evaluation)),
        )
        self.engine.start(evaluation.trial, job)

    def _alike(self, evaluation: Evaluation) -> list[Evaluation]:
        """The earlier trials that this one may see with the same methods: others have curves of another kind."""
        assert evaluation.trial is not None

        def methods(one: Evaluation) -> tuple[str, str]:
            method = self.study.method_of(one.choices)
            return method.pruning, method.weight_quantizer

        known = self.record.slots[: self._visible(self.record.slots.index(evaluation.trial))]
        trials = [self.record.trials[number] for number in known]
        return [trial for trial in trials if methods(trial) == methods(evaluation)]

    def _receive(self, number: int, result: Evaluation) -> None:
        asked = self.record.trials[number]
        result = replace(
            result,
            trial=number,
            seed=asked.seed,
            asked=asked.asked,
            choices=asked.choices,
            optuna_attributes=asked.optuna_attributes,
        )
        self.record.finish(self._judged(result))
        self._give_up_on_repeated_failure(self.record.trials[number])

    def _judged(self, result: Evaluation) -> Evaluation:
        """The result with what follows from it and the baseline; a stopped one gets its estimated cost.

        A complete trial must have a finite value for every objective and every limit; otherwise it has failed.
        """
        if result.state is State.STOPPED:
            return replace(result, cost=estimate(self.gate.workload, result.asked, self.gate.hardware))
        if result.state is not State.COMPLETE:
            return result
        derived = distortion_measurements(result, self.record.baseline)
        result = replace(result, measurements=(*result.measurements, *derived))
        for name in (*self.study.objectives.names, *self.study.constraints):
            value = OBJECTIVES[name].read(result)
            if not math.isfinite(value):
                return replace(result, state=State.FAILED, reason=f"NotFinite: {name} is {value}")
        return result

    def _give_up_on_repeated_failure(self, evaluation: Evaluation) -> None:
        self._reasons = (*self._reasons, evaluation.reason) if evaluation.state is State.FAILED else ()
        if len(self._reasons) < MOST_FAILURES:
            return
        same = len({self._kind_of_failure(reason) for reason in self._reasons[-MOST_FAILURES:]}) == 1
        if same or len(self._reasons) >= MOST_FAILURES_OF_ANY_KIND:
            why = f" with the same reason: {evaluation.reason}" if same else f", the last one with: {evaluation.reason}"
            count = MOST_FAILURES if same else MOST_FAILURES_OF_ANY_KIND
            raise StudyAborted(
                f"study {self.study.name!r}: {count} trials in a row failed{why}; the finished trials are kept, "
                "and the same command goes on"
            )

    def _kind_of_failure(self, reason: str) -> str:
        """A reason without the names of layers and the numbers in it."""
        names = sorted((layer.name for layer in self.gate.workload.layers), key=len, reverse=True)
        layers = "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names)
        return _NUMBER.sub("#", re.sub(layers, "LAYER", reason) if layers else reason)
