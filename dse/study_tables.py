"""The tables and lines that a human sees of studies and trials; made of the documents that ``--json`` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dse.budget import Limits, Point, Reachable
from dse.console import UNKNOWN, PlainTable, front_table, heading, human, ratio_text, rounded_outwards
from dse.cost_tables import cost_table
from dse.documents import trial_document
from dse.progress import duration
from studies.evaluation import HARD_PRUNED

if TYPE_CHECKING:
    from studies import StudyResults


def list_table(storage: str, entries: Sequence[Mapping[str, Any]]) -> PlainTable:
    """One row a study."""
    columns = {"study": "left", "network": "left", "data set": "left", "hardware": "left", "trials": "right"}
    columns |= {"skipped": "right", "failed": "right", "front": "right", "created (UTC)": "left"}
    rows = []
    for entry in entries:
        counts = entry["trials"]
        finished = f"{counts['complete'] + counts['stopped']}/{entry['trials_wanted']}"
        names = [entry[key] for key in ("study", "network", "dataset", "hardware")]
        created = str(entry["created"])[:16].replace("T", " ")
        numbers = [str(counts["skipped"]), str(counts["failed"]), str(entry["front_size"])]
        rows.append([*names, finished, *numbers, created])
    return PlainTable(f"Studies in {storage}", columns, rows)


def front_view(results: StudyResults) -> Iterator[str | PlainTable]:
    """The front as a table, with what it is compared with."""
    study, points = results.study, results.front_points()
    if not points:
        yield f"The front of {study.name!r} is empty: {empty_reason(results)}."
        return
    title = f"Pareto front of {study.name!r}"
    yield front_table(title, points, study.objectives.names, study.space.method.keys)
    yield from _choice_lines(results, points)
    yield from _beside_front(results, points)


def recost_view(results: StudyResults, document: Mapping[str, Any]) -> Iterator[str | PlainTable]:
    """The front under another profile, and how it differs from the one that the search found."""
    yield from front_view(results)
    hardware, searched_on = document["hardware"], document["searched_on"]
    yield (
        f"{document['trials_priced']} trained trials of the search on {searched_on}, priced anew on {hardware}; "
        "nothing was trained or stored."
    )
    for key, words in (("came", "New on the front"), ("went", f"On the front of {searched_on} only")):
        if document[key]:
            yield f"{words}: trial{'s' if len(document[key]) > 1 else ''} {', '.join(map(str, document[key]))}."
    if document["over_old_limits"]:
        yield (
            f"{document['over_old_limits']} proposals over a limit on {searched_on} were never trained; "
            f"a search on {hardware} may find more."
        )


def _choice_lines(results: StudyResults, points: Sequence[Point]) -> Iterator[str]:
    """What the spread between seeds says about the front: how sure its places are, and the point that it suggests."""
    from studies.results import one_standard_error_point

    if any(point["front_probability"] is not None for point in points):
        yield (
            "On the front: the probability that no other member is better on average over training seeds; "
            f"one seed differs from the next by {results.seed_deviation:.2%} (standard deviation)."
        )
    pick = one_standard_error_point(points, results.study.objectives.minimize)
    if pick is not None:
        sentence = one_standard_error_sentence(points, pick, results.study.objectives.minimize)
        yield f"One-standard-error pick: {sentence}."


def one_standard_error_sentence(points: Sequence[Point], pick: Point, minimize: Sequence[str]) -> str:
    """What the pick costs, and how near it is to the most accurate point."""
    best = max(points, key=lambda point: float(point["accuracy_validation"] or 0.0))
    cost = next(name for name in minimize if name in pick["cost"])
    reached = f"trial {pick['trial']} with {human(cost, pick['cost'][cost])} {_words(cost)}"
    if pick["trial"] == best["trial"]:
        return f"{reached}, the most accurate; no cheaper point is within its standard error"
    return (
        f"{reached} and {human('accuracy', pick['accuracy_validation'])}, within one standard error "
        f"({best['accuracy_standard_error']:.2%}) of the most accurate, trial {best['trial']} with "
        f"{human(cost, best['cost'][cost])} and {human('accuracy', best['accuracy_validation'])}"
    )


def one_standard_error_choice(
    results: StudyResults, points: Sequence[Point], limits: Limits
) -> tuple[Point | None, str]:
    """The one-standard-error pick among the points inside the limits, and what to say of it; None where none fits."""
    from cost_models import InputError
    from studies.results import one_standard_error_point

    fitting = [point for point in points if limits.allows(point)]
    minimize = results.study.objectives.minimize
    pick = one_standard_error_point(fitting, minimize)
    if pick is None and fitting:
        raise InputError(
            f"--one-standard-error: study {results.study.name!r} has no front member that was trained under two seeds; "
            "run it with search.seeds_on_front=2 or more"
        )
    return (
        pick,
        "" if pick is None else f"; one-standard-error pick: {one_standard_error_sentence(fitting, pick, minimize)}",
    )


def empty_reason(results: StudyResults) -> str:
    """Why a study has no front."""
    if not results.evaluations:
        return "no trial has been run yet"
    if results.finished and results.study.constraints:
        return f"none of {results.finished} finished trials keeps the study's constraints"
    return f"none of {len(results.evaluations)} trials has finished"


def _beside_front(results: StudyResults, points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    baseline = results.baseline
    if baseline is not None and baseline.cost is not None:
        whole = baseline.cost.total.to_dict()
        costs = [name for name in results.study.objectives.names if name in whole]
        yield _uncompressed(trial_document(results.study, baseline), costs)
        least = [(name, min(point["cost"][name] for point in points)) for name in costs]
        smaller = [f"{ratio_text(whole[name], value)} less {_words(name)}" for name, value in least if value]
        if smaller:
            yield f"The front reaches {', '.join(smaller)}."
    share = hypervolume_share(results)
    if results.hypervolume is not None and share is not None:
        ideal = "of what a point without error and without cost would dominate"
        yield f"Hypervolume {results.hypervolume:.4g}, {share:.1%} {ideal}."


def _uncompressed(document: Mapping[str, Any], costs: Sequence[str]) -> str:
    """The baseline in one line."""
    parts = [f"{split} accuracy {sentence}" for split, sentence in _accuracies(document)]
    cost = document["cost"]
    if cost is not None:
        parts += [f"{human(name, cost['total'][name])} {_words(name)}" for name in costs if name in cost["total"]]
        parts.append(_steps(cost["time_steps"]))
    return f"Uncompressed: {', '.join(parts)}."


def hypervolume_share(results: StudyResults) -> float | None:
    """The hypervolume over that of a perfect point (every measured share perfect, every cost zero)."""
    from studies import OBJECTIVES

    corner = results.reference_point
    if corner is None or results.hypervolume is None:
        return None
    names = results.study.objectives.names
    best = [1.0 if OBJECTIVES[name].maximized else 0.0 for name in names]
    whole = math.prod(abs(ideal - worst) for ideal, worst in zip(best, corner, strict=True))
    return results.hypervolume / whole if whole else None


def chosen_sentence(results: StudyResults, points: Sequence[Point], best: Point, limits: Limits) -> str:
    """Which point a budget comes from, and what it reaches."""
    names = [name for name in results.study.objectives.names if name in best["cost"]]
    names += [name for name in limits.upper if name not in names]
    reached = ", ".join(f"{human(name, best['cost'][name])} {_words(name)}" for name in names)
    accuracy = f"validation accuracy {human('accuracy', best['accuracy_validation'])}"
    if best["accuracy_test"] is not None:
        accuracy += f" (test {human('accuracy', best['accuracy_test'])})"
    inside = sum(limits.allows(point) for point in points)
    among = f"; {inside} of {len(points)} points fit" if limits.names else f"; the most accurate of {len(points)}"
    return f"trial {best['trial']}: {accuracy}, {reached}{among}"


def nothing_fits_sentence(results: StudyResults, limits: Limits, nearest: Sequence[Reachable]) -> str:
    """Why no point fits, with the nearest reachable value of each limit."""
    name = results.study.name
    if not nearest:
        return f"study {name!r} has no front point to choose from: {empty_reason(results)}"
    asked = [f"at most {human(limit, most)} {_words(limit)}" for limit, most in limits.upper.items()]
    if limits.min_accuracy is not None:
        asked.append(f"at least {limits.min_accuracy:g} accuracy")
    several = len(nearest) > 1
    reachable = ", ".join(
        f"{_words(one.name)} {rounded_outwards(one.name, one.value)} (trial {one.trial}"
        + (f", {'the other limits kept' if one.others_kept else 'on its own'})" if several else ")")
        for one in nearest
    )
    return f"no point of study {name!r} has {' and '.join(asked)}; nearest reachable: {reachable}"


def study_view(document: Mapping[str, Any], share: float | None) -> Iterator[str | PlainTable]:
    """A study: its settings and where it stands."""
    settings = document["settings"]
    counts = document["trials"]
    finished = counts["complete"] + counts["stopped"]
    rows = [
        ("network", settings["task"]["network"]),
        ("data set", settings["task"]["dataset"]),
        ("hardware", settings["hardware"]["profile"]),
        ("below break-even", settings["hardware"]["below_break_even"]),
        ("pruning", _named(settings, "pruning")),
        ("weight quantizer", _named(settings, "weight_quantizer")),
        ("neuron", settings["method"]["neuron"]),
        ("maximize", ", ".join(settings["objectives"]["maximize"])),
        ("minimize", ", ".join(settings["objectives"]["minimize"])),
        ("limits", ", ".join(f"{name} <= {human(name, value)}" for name, value in settings["constraints"].items())),
        *((f"space: {name}", _choices(settings["space"][name])) for name in _SPACE),
        *(
            (f"space of {name}", _overrides(own))
            for name, own in settings["space"]["method"].items()
            if isinstance(own, Mapping)
        ),
        *((f"space of {name}", _overrides(own)) for name, own in settings["space"]["layer"].items()),
        ("sampler", settings["search"]["sampler"]),
        ("seed", settings["seed"]),
        ("created (UTC)", str(document["created"])[:16].replace("T", " ")),
        ("finished trials", f"{finished} of {document['trials_wanted']} ({_stopped(counts['stopped'], document)})"),
        ("skipped trials", _with_reasons(counts["skipped"], document["reasons"]["skipped"])),
        ("failed trials", _with_reasons(counts["failed"], document["reasons"]["failed"])),
        ("time spent", duration(document["seconds"])),
        ("front", _front_text(document)),
        ("hypervolume", _hypervolume_text(document["hypervolume"], share)),
    ]
    shown = [[name, str(value)] for name, value in rows if value != ""]
    yield PlainTable(f"Study {document['study']!r}", {"": "left", " ": "left"}, shown)
    if document["baseline"]:
        yield _uncompressed(document["baseline"], settings["objectives"]["minimize"])


def trial_view(document: Mapping[str, Any]) -> Iterator[str | PlainTable]:
    """One trial, layer by layer; the baseline is the trial without a number."""
    number = document["trial"]
    name = "Uncompressed network" if number is None else f"Trial {number}"
    reason = f": {document['reason']}" if document["reason"] else ""
    yield f"{name} of {document['study']!r}, {document['state']}{reason}"
    if number is not None:
        yield f"  method: {', '.join(f'{key} {value}' for key, value in document['method'].items())}"
    for split, sentence in _accuracies(document):
        yield f"  {split} accuracy {sentence}"
    for split, sentence in _accuracies(document, HARD_PRUNED):
        yield f"  {split} accuracy at hard pruning, before it was retrained, {sentence}"
    if document["curve"]:
        yield f"  validation accuracy after each epoch: {', '.join(human('accuracy', a) for a in document['curve'])}"
    if document["expected_accuracy"] is not None:
        yield f"  the whole training was expected to end at {human('accuracy', document['expected_accuracy'])}"
    if document["seconds"]:
        yield f"  trained with seed {document['seed']} in {duration(document['seconds'])}"
    for name, value in ((m["metric"], m["value"]) for m in document["measurements"] if m["split"] == "training"):
        yield f"  {_words(name)} {value:.4f}"
    if document["restored_to_dense"]:
        yield f"  restored to dense, as pruning them so far does not pay: {', '.join(document['restored_to_dense'])}"
    yield from _recall_view(document["recall"])
    cost = document["cost"]
    if cost is None:
        yield asked_table(document["asked"])
        return
    estimated = " (estimated with the uncompressed network's activity)" if document["realised"] is None else ""
    yield cost_table(f"Cost on {cost['hardware']}, {_steps(cost['time_steps'])}{estimated}", cost)


def _recall_view(recall: Mapping[str, Any]) -> Iterator[str | PlainTable]:
    """What compression did to single classes: on the test split where it was used, else on validation."""
    split = next((name for name in ("test", "validation") if name in recall), None)
    if split is None:
        return
    found = recall[split]
    slope, fit = found["intensification"], found["fit"]
    yield (
        f"  recall ({split}): class {found['worst_class']} lost most, {100 * found['largest_loss']:.1f} points; "
        f"intensification {UNKNOWN if slope is None else f'{slope:.3f}'}"
        + (f" (r² {fit:.2f})" if slope is not None and fit is not None else "")
    )
    rows = [
        [
            name,
            human("accuracy", one["before"]),
            human("accuracy", one["after"]),
            UNKNOWN if one["intensification"] is None else f"{one['intensification']:.2f}",
        ]
        for name, one in found["classes"].items()
    ]
    columns = {"class": "left", "recall\nbefore": "right", "recall\nafter": "right", "intensification": "right"}
    yield PlainTable(f"Recall of each class, {split} split", columns, rows)


def asked_table(configuration: Mapping[str, Any]) -> PlainTable:
    """A configuration that was never priced, as it was asked for."""
    names = ("pruning_ratio", "weight_bits", "membrane_bits")
    rows = [[name, *(human(key, layer[key]) for key in names)] for name, layer in configuration["layers"].items()]
    columns = {"layer": "left"} | {heading(name): "right" for name in names}
    return PlainTable(f"Asked for, {_steps(configuration['time_steps'])}", columns, rows)


def _accuracies(document: Mapping[str, Any], metric: str = "accuracy") -> Iterator[tuple[str, str]]:
    for split in ("validation", "test"):
        found = [m for m in document["measurements"] if m["split"] == split and m["metric"] == metric]
        if found:
            mean = sum(m["value"] for m in found) / len(found)
            each = ", ".join(human("accuracy", m["value"]) for m in found)
            yield split, each if len(found) == 1 else f"{human('accuracy', mean)}, mean of {len(found)} seeds ({each})"


_SPACE = ("pruning_ratio", "weight_bits", "membrane_bits", "time_steps")


def _named(settings: Mapping[str, Any], key: str) -> str:
    """The study's method, or those that the search chooses among."""
    names = settings["space"]["method"].get(key)
    return f"{_choices(names)} (searched)" if names else str(settings["method"][key])


def _choices(values: Sequence[Any]) -> str:
    if len(values) <= 8 or isinstance(values[0], str):
        return ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)
    return f"{values[0]:g}, {values[1]:g} ... {values[-1]:g} ({len(values)} values)"


def _overrides(own: Mapping[str, Sequence[Any]]) -> str:
    return "; ".join(f"{name}: {_choices(values)}" for name, values in own.items())


def _stopped(count: int, document: Mapping[str, Any]) -> str:
    epochs = document["epochs"]
    if not count:
        return "none stopped early"
    return f"{count} stopped early: {epochs['trained']} of {epochs['without_stopping']} epochs were trained"


def _with_reasons(count: int, reasons: Mapping[str, int]) -> str:
    each = "; ".join(f"{times} x {reason}" for reason, times in list(reasons.items())[:3])
    return f"{count} ({each})" if each else str(count)


def _front_text(document: Mapping[str, Any]) -> str:
    trials = ", ".join(str(trial) for trial in document["front_trials"])
    size = document["front_size"]
    return f"{size} point{'s' if size != 1 else ''}: trial{'s' if size != 1 else ''} {trials}" if trials else "empty"


def _hypervolume_text(value: float | None, share: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.4g}" if share is None else f"{value:.4g} ({share:.1%} of what is possible)"


def _steps(steps: int) -> str:
    return f"{steps} time step" + ("s" if steps != 1 else "")


def _words(name: str) -> str:
    return name.removesuffix("_bytes").removesuffix("_joules").removesuffix("_seconds").replace("_", " ")
