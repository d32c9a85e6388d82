"""A stored study on other hardware: every trial priced anew, nothing trained, nothing written.

What a training found (accuracy, realised configuration, measured activity) does not depend on the hardware profile, and
the cost is a pure function of it. So the front on another chip follows from the stored trials alone. It is not stored:
it takes seconds to compute, and a second copy of the costs would be wrong as soon as somebody edits the profile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from cost_models import (
    Configuration,
    ConfigurationBatch,
    CostReport,
    HardwareProfile,
    Totals,
    Workload,
    estimate,
    estimate_many,
    load_hardware,
)
from studies.evaluation import Evaluation
from studies.results import StudyResults

_COUNTS = ("parameters", "parameters_kept", "neurons")


def recosted(results: StudyResults, hardware: str) -> StudyResults:
    """The study as if it had been asked for ``hardware`` (a profile's name or path), from its stored trainings.

    Every evaluation with a realised configuration and a measured workload is priced anew, the baseline too; the members
    of the new front also layer by layer, the others in total only. The study's constraints hold for the new costs.
    Trials that were never trained keep no cost: what the old profile's limits kept out of the search stays unknown. The
    history of the front is left out, as it belongs to the old profile. Raises :class:`InputError` for a profile that
    cannot be read.
    """
    profile = load_hardware(hardware)
    everything = [*results.evaluations, *([results.baseline] if results.baseline else [])]
    priced = _in_total(everything, profile)
    evaluations = priced[: len(results.evaluations)]
    again = replace(
        results,
        study=replace(results.study, hardware=hardware),
        baseline=_by_layer(priced[-1], profile) if results.baseline else None,
        evaluations=tuple(evaluations),
        fronts=(),
    )
    members = {member.trial: _by_layer(member, profile) for member in again.front}
    return replace(again, evaluations=tuple(members.get(one.trial, one) for one in evaluations))


def _in_total(evaluations: Sequence[Evaluation], profile: HardwareProfile) -> list[Evaluation]:
    """The evaluations with their total costs on ``profile``; without any cost where they were never trained."""
    costs: list[CostReport | None] = [None] * len(evaluations)
    workloads = [None if evaluation.realised is None else evaluation.workload for evaluation in evaluations]
    for indices in of_one_network(workloads):
        pairs = [(evaluations[index].realised, evaluations[index].workload) for index in indices]
        configurations = [configuration for configuration, _ in pairs if configuration is not None]
        measured = [workload for _, workload in pairs if workload is not None]
        for index, report in zip(indices, _reports(configurations, measured, profile), strict=True):
            costs[index] = report
    return [replace(evaluation, cost=cost) for evaluation, cost in zip(evaluations, costs, strict=True)]


def of_one_network(workloads: Sequence[Workload | None]) -> list[list[int]]:
    """The positions of workloads that differ in their activity only, so that they can be priced together."""
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, workload in enumerate(workloads):
        if workload is not None:
            shapes = tuple(
                (layer.name, layer.weight_shape, layer.positions, layer.parameters, layer.gate_macs)
                for layer in workload.layers
            )
            groups[shapes].append(index)
    return list(groups.values())


def _reports(
    configurations: Sequence[Configuration], measured: Sequence[Workload], profile: HardwareProfile
) -> Iterator[CostReport]:
    """Reports without layers, all of one network."""
    batch = ConfigurationBatch.of(measured[0], configurations).with_measured(measured[0], measured)
    arrays = estimate_many(measured[0], batch, profile)
    columns = [getattr(arrays, field.name) for field in fields(Totals)]
    counts = {index for index, field in enumerate(fields(Totals)) if field.name in _COUNTS}
    values = [(column.astype(int) if index in counts else column).tolist() for index, column in enumerate(columns)]
    for configuration, workload, totals in zip(configurations, measured, zip(*values, strict=True), strict=True):
        yield CostReport(workload.network, profile.name, configuration.time_steps, (), Totals(*totals))


def _by_layer(evaluation: Evaluation, profile: HardwareProfile) -> Evaluation:
    if evaluation.workload is None or evaluation.realised is None:
        return evaluation
    return replace(evaluation, cost=estimate(evaluation.workload, evaluation.realised, profile))
