"""The tables and lines that a human sees of studies and trials; made of the documents that ``--json`` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dse.console import UNKNOWN, PlainTable, heading, human, steps_text, words
from dse.cost_tables import cost_table
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


def uncompressed_line(document: Mapping[str, Any], costs: Sequence[str]) -> str:
    """The uncompressed network in one line."""
    parts = [f"{split} accuracy {sentence}" for split, sentence in _accuracies(document)]
    cost = document["cost"]
    if cost is not None:
        parts += [f"{human(name, cost['total'][name])} {words(name)}" for name in costs if name in cost["total"]]
        parts.append(steps_text(cost["time_steps"]))
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
        yield uncompressed_line(document["baseline"], settings["objectives"]["minimize"])


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
        yield f"  {words(name)} {value:.4f}"
    if document["restored_to_dense"]:
        yield f"  restored to dense, as pruning them so far does not pay: {', '.join(document['restored_to_dense'])}"
    yield from _recall_view(document["recall"])
    cost = document["cost"]
    if cost is None:
        yield asked_table(document["asked"])
        return
    estimated = " (estimated with the uncompressed network's activity)" if document["realised"] is None else ""
    yield cost_table(f"Cost on {cost['hardware']}, {steps_text(cost['time_steps'])}{estimated}", cost)


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
    return PlainTable(f"Asked for, {steps_text(configuration['time_steps'])}", columns, rows)


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
