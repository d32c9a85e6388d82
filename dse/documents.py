"""The JSON documents of the commands about studies: plain values made of what the store gives back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cost_models import InputError
from dse.budget import Limits, Point, Reachable
from studies import Evaluation, ParetoFront, State, Study, StudyResults, recall_distortion, study_to_dict

#: What differs from trial to trial in the reasons for skipping, and the words that stand for it in a summary.
_VARYING = (
    (re.compile(r"^repeats trial \d+$"), "repeats an earlier trial"),
    (re.compile(r"^(\w+) is .*, over the limit"), r"\1 over the limit"),
)
_OVER_LIMIT = _VARYING[1][0]
#: The states that a run reports, in this order.
COUNTED = (State.COMPLETE, State.STOPPED, State.FAILED, State.SKIPPED)


def trial_counts(results: StudyResults) -> dict[str, int]:
    """How many trials are complete, stopped, failed and skipped."""
    return {state.value: results.counts[state.value] for state in COUNTED}


def run_document(results: StudyResults, seconds: float) -> dict[str, Any]:
    """The shape of ``dse run --json``; ``seconds`` is the wall time of this call."""
    return {
        "study": results.study.name,
        "trials": trial_counts(results),
        "seconds": seconds,
        "hypervolume": results.hypervolume,
        "front": results.front_points(),
    }


def list_entry(results: StudyResults) -> dict[str, Any]:
    """One entry of the ``studies`` of ``dse list --json``."""
    study = results.study
    return {
        "study": study.name,
        "network": study.task.network,
        "dataset": study.task.dataset,
        "hardware": study.hardware,
        "objectives": list(study.objectives.names),
        "trials": trial_counts(results),
        "trials_wanted": study.search.trials,
        "front_size": len(results.front),
        "hypervolume": results.hypervolume,
        "created": results.created.isoformat(timespec="seconds"),
    }


def show_document(results: StudyResults) -> dict[str, Any]:
    """The shape of ``dse show STUDY --json``: the study's settings and where it stands."""
    corner = results.reference_point
    return {
        **list_entry(results),
        "seconds": results.seconds,
        "reference_point": None if corner is None else list(corner),
        "baseline": None if results.baseline is None else trial_document(results.study, results.baseline),
        "front_trials": list(results.front.trials),
        "epochs": epochs_trained(results),
        "reasons": {state.value: _reasons(results, state) for state in (State.FAILED, State.SKIPPED)},
        "settings": study_to_dict(results.study),
        "versions": dict(results.versions),
    }


def recost_document(before: StudyResults, after: StudyResults) -> dict[str, Any]:
    """The shape of ``dse recost --json``: that of a front, with both profiles and what became of the old front."""
    old, new = before.front.trials, after.front.trials
    return {
        **after.to_dict(),
        "hardware": after.study.hardware,
        "searched_on": before.study.hardware,
        "trials_priced": sum(evaluation.cost is not None for evaluation in after.evaluations),
        "over_old_limits": sum(_OVER_LIMIT.search(evaluation.reason) is not None for evaluation in after.evaluations),
        "front_before": list(old),
        "came": [trial for trial in new if trial not in old],
        "went": [trial for trial in old if trial not in new],
    }


def epochs_trained(results: StudyResults) -> dict[str, int]:
    """The epochs that the finished trials were trained, and what they would have been without early stopping."""
    trained, without_stopping = results.epochs_trained
    return {"trained": trained, "without_stopping": without_stopping}


def _reasons(results: StudyResults, state: State) -> dict[str, int]:
    """Why trials are in this state, most frequent first; what differs from trial to trial is left out."""
    reasons = Counter(evaluation.reason for evaluation in results.evaluations if evaluation.state is state)
    counts: Counter[str] = Counter()
    for reason, times in reasons.items():
        for pattern, words in _VARYING:
            reason = pattern.sub(words, reason)
        counts[reason or "unknown"] += times
    return dict(counts.most_common())


def trial_document(study: Study, evaluation: Evaluation, baseline: Evaluation | None = None) -> dict[str, Any]:
    """The shape of ``dse show STUDY TRIAL --json``; ``trial`` is null for the uncompressed baseline.

    ``recall`` tells, by split, what compression did to each class against ``baseline``.
    """
    workload = evaluation.workload
    return {
        "study": study.name,
        "trial": evaluation.trial,
        "state": evaluation.state.value,
        "reason": evaluation.reason,
        "seed": evaluation.seed,
        "seconds": evaluation.seconds,
        "method": study.method_in_force(evaluation.choices),
        "asked": evaluation.asked.to_dict(),
        "restored_to_dense": _restored(study, evaluation),
        "realised": evaluation.realised.to_dict() if evaluation.realised else None,
        "cost": evaluation.cost.to_dict() if evaluation.cost else None,
        "input_densities": {layer.name: layer.input_density for layer in workload.layers} if workload else None,
        "curve": list(evaluation.curve),
        "expected_accuracy": evaluation.expected_accuracy,
        "measurements": [asdict(measurement) for measurement in evaluation.measurements],
        "recall": _recall(evaluation, baseline),
    }


def _recall(evaluation: Evaluation, baseline: Evaluation | None) -> dict[str, Any]:
    if baseline is None or evaluation.trial is None:
        return {}
    found = {split: recall_distortion(evaluation, baseline, split) for split in ("validation", "test")}
    return {split: one.to_dict() for split, one in found.items() if one is not None}


def _restored(study: Study, evaluation: Evaluation) -> list[str]:
    """The layers for which the search proposed a pruning ratio, but which were below break-even and left dense."""
    if study.below_break_even != "restore" or evaluation.trial is None or not _prunes(study, evaluation):
        return []
    found = []
    for budget in evaluation.asked.budgets:
        choices = study.space.for_layer(budget.layer)["pruning_ratio"].values
        proposed = evaluation.choices.get(f"{budget.layer}/pruning_ratio", choices[0])
        # A ratio below half a channel is 0 as well, but nothing was restored there.
        if proposed > 0.0 and budget.pruning_ratio == 0.0 and budget.granularity == "weight":
            found.append(budget.layer)
    return found


def _prunes(study: Study, evaluation: Evaluation) -> bool:
    """Whether the pruning method of a trial removes anything; torch is loaded only where that is a choice."""
    if not study.space.method.pruning:
        return True
    from dse.pruning import PRUNING_METHODS

    name = study.method_of(evaluation.choices).pruning
    return name not in PRUNING_METHODS or PRUNING_METHODS[name].prunes


def find_trial(results: StudyResults, text: str) -> Evaluation:
    """The trial of this number, or the uncompressed network by the name ``baseline``."""
    if text == "baseline":
        if results.baseline is None:
            raise InputError(f"study {results.study.name!r} has no baseline yet; dse run trains it first")
        return results.baseline
    if not text.isdecimal():
        raise InputError(f"TRIAL is {text!r}; it is the number of a trial, or 'baseline' for the uncompressed network")
    return results.evaluation(int(text))


def candidates(results: StudyResults, limits: Limits) -> list[dict[str, Any]]:
    """The points among which a budget is chosen, in the JSON shape of front points.

    They are the front of the study's objectives together with the limited costs: a limit on a cost that is no objective
    makes it one, as a trial off the study's front may be the best that keeps it. Without one, this is the front.
    """
    objectives = results.study.objectives.names
    extra = [name for name in limits.upper if name not in objectives]
    front = ParetoFront.of(results.evaluations, (*objectives, *extra), results.study.constraints)
    return [results.point(member) for member in front]


def nothing_fits_document(study: str, limits: Limits, nearest: Sequence[Reachable]) -> dict[str, Any]:
    """What ``dse budget --json`` prints where no point fits: ``trial`` is null, ``nearest`` tells what is reachable."""
    asked = dict(limits.upper) | ({} if limits.min_accuracy is None else {"accuracy": limits.min_accuracy})
    return {
        "study": study,
        "trial": None,
        "limits": asked,
        "nearest": {
            reachable.name: {
                "value": reachable.value,
                "trial": reachable.trial,
                "others_kept": reachable.others_kept,
            }
            for reachable in nearest
        },
    }


def front_rows(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Front points as flat rows for a CSV file; what belongs to a layer is called ``LAYER/pruning_ratio`` and so on."""
    rows = []
    for point in points:
        row = {key: value for key, value in point.items() if not isinstance(value, Mapping | list)}
        row |= {f"method/{key}": value for key, value in point["method"].items()}
        row |= {key: value for key, value in {**point["values"], **point["cost"]}.items() if key not in row}
        for layer in point["layers"]:
            row |= {f"{layer['name']}/{key}": value for key, value in layer.items() if key != "name"}
        rows.append(row)
    return rows
