"""A stored study checked against itself: what follows from its trials is computed anew and compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cost_models import CostReport, HardwareProfile, InputError, estimate_reports, load_hardware
from studies.evaluation import Evaluation, State
from studies.objectives import OBJECTIVES
from studies.pareto import ParetoFront, reference_point
from studies.recosting import of_one_network
from studies.results import StudyResults

#: Relative difference up to which two numbers count as the same: the order of a sum may have changed.
TOLERANCE = 1e-9
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was looked at in one study, and a sentence for everything that does not agree."""

    study: str
    trials: int = 0
    costs: int = 0
    fronts: int = 0
    findings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``dse doctor --json``."""
        return {
            "study": self.study,
            "trials": self.trials,
            "costs": self.costs,
            "fronts": self.fronts,
            "findings": list(self.findings),
        }


def check_up(results: StudyResults) -> Checkup:
    """Compute every cost, front and hypervolume of a study anew.

    Costs of trained networks follow from what was realised and measured, those of proposals that were never trained to
    the end from what was asked for and the activity of the uncompressed network; both by the study's hardware profile
    as it is now. Fronts follow from the finished trials in the order of their numbers.
    """
    findings = list(_trial_findings(results))
    try:
        profile = load_hardware(results.study.hardware)
    except InputError as error:
        costs: dict[str, str] = {}
        priced = 0
        findings.append(f"costs were not checked: {error}")
    else:
        costs, priced = _cost_differences(results, profile)
    if costs:
        first = next(iter(costs.values()))
        findings.append(
            f"the costs of {_listed(list(costs))} are not those that profile {results.study.hardware!r} gives now "
            f"({first}): the profile or the cost model has changed since, or the storage was edited"
        )
    findings += _front_findings(results)
    return Checkup(results.study.name, len(results.evaluations), priced, len(results.fronts), tuple(findings))


def _trial_findings(results: StudyResults) -> Iterator[str]:
    numbers = [evaluation.trial for evaluation in results.evaluations]
    if numbers != list(range(len(numbers))):
        missing = sorted(set(range(max(n for n in numbers if n is not None) + 1)) - set(numbers))
        yield f"numbers are missing among the trials: {_listed([str(number) for number in missing])}"
    if results.evaluations and results.baseline is None:
        yield "the uncompressed network, with which everything is compared, is missing"
    incomplete = [
        _name(evaluation)
        for evaluation in results.evaluations
        if evaluation.state is State.COMPLETE
        and not all(math.isfinite(OBJECTIVES[name].read(evaluation)) for name in results.study.objectives.names)
    ]
    if incomplete:
        yield f"complete, yet without a number for every objective: {_listed(incomplete)}"


def _cost_differences(results: StudyResults, profile: HardwareProfile) -> tuple[dict[str, str], int]:
    """The first difference in the cost of each trial that has one, and how many costs were compared."""
    found: dict[str, str] = {}
    compared = 0
    assumed = results.baseline.workload if results.baseline else None
    stored = [*([results.baseline] if results.baseline else ()), *results.evaluations]
    workloads = [None if evaluation.cost is None else evaluation.workload or assumed for evaluation in stored]
    for indices in of_one_network(workloads):
        measured = [workload for index in indices if (workload := workloads[index]) is not None]
        configurations = [stored[index].realised or stored[index].asked for index in indices]
        reports = estimate_reports(measured[0], configurations, profile, measured=measured)
        for index, report in zip(indices, reports, strict=True):
            compared += 1
            cost = stored[index].cost
            if cost is not None and (difference := _first_difference(cost, report)):
                found[_name(stored[index])] = difference
    return found, compared


def _first_difference(stored: CostReport, now: CostReport) -> str:
    parts: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [("", stored.total.to_dict(), now.total.to_dict())]
    if len(stored.layers) != len(now.layers):
        return f"{len(stored.layers)} layers stored, {len(now.layers)} now"
    parts += [(f"{a.name}: ", a.to_dict(), b.to_dict()) for a, b in zip(stored.layers, now.layers, strict=True)]
    for where, old, new in parts:
        for name, value in old.items():
            if not _same(value, new[name]):
                return f"{where}{name} is {value!r}, now {new[name]!r}"
    return ""


def _front_findings(results: StudyResults) -> Iterator[str]:
    """Every stored front against the one of as many finished trials."""
    if not results.fronts or results.baseline is None:
        return
    corner = reference_point(results.baseline, results.study.objectives)
    stored = {snapshot.finished: snapshot for snapshot in results.fronts}
    wrong: dict[str, list[str]] = {"members": [], "hypervolumes": []}
    finished = 0
    members: tuple[Evaluation, ...] = ()
    for evaluation in results.evaluations:
        if not evaluation.state.finished:
            continue
        finished += 1
        front = ParetoFront.of((*members, evaluation), results.study.objectives, results.study.constraints)
        members = front.members
        snapshot = stored.pop(finished, None)
        if snapshot is None:
            continue
        volume = front.hypervolume(corner)
        if snapshot.members != front.trials:
            wrong["members"].append(str(finished))
        if not _same(snapshot.hypervolume, volume if math.isfinite(volume) else None):
            wrong["hypervolumes"].append(str(finished))
    for what, after in wrong.items():
        if after:
            yield f"the {what} of the stored fronts after {_listed(after)} finished trials are not those of the trials"
    if stored:
        yield f"fronts are stored after {_listed([str(number) for number in stored])} trials; only {finished} finished"


def _same(old: Any, new: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
    return math.isclose(old, new, rel_tol=TOLERANCE) if numbers else bool(old == new)


def _name(evaluation: Evaluation) -> str:
    return "the uncompressed network" if evaluation.trial is None else f"trial {evaluation.trial}"


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
