"""docs/results/pruning.md from the stored trainings."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pruning_cases import CASES, PAIRED_METHODS, PAIRED_RATIOS, TASKS, Case, paired_case, trained_on
from scipy import stats

from studies import RecallDistortion
from studies.evaluation import HARD_PRUNED
from studies.recall import distortion

#: Points of loss on Caffe LeNet-5 that are wanted at most, by the name of the case.
AMBITIONS = {
    "lenet5 85x admm": 0.3,
    "lenet5 167x and 2-5 bits, own counts admm": 0.5,
    "lenet5 167x and 2-5 bits, own counts admm rounding": 0.5,
    "lenet5 167x and 2-5 bits admm rounding": 0.5,
    "lenet5 310x autoprune": 0.5,
    "lenet5 85x admm longest": 0.3,
    "lenet5 167x and 2-5 bits, own counts admm longest rounding": 0.5,
    "lenet5 310x autoprune longest": 0.5,
}
#: A column for each layer up to so many layers.
WIDEST = 5


def rows_of(case: Case, results: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [results[case.key(seed)] for seed in range(case.seeds) if case.key(seed) in results]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean and standard deviation of the sample."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def p_value(p: float) -> str:
    """``p = 0.012``; what three digits would round to nothing is below what they can show."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def counts(values: Iterable[float]) -> str:
    """A count over the seeds: one number where all are equal, else the mean."""
    listed = list(values)
    return f"{listed[0]:,.0f}" if len(set(listed)) == 1 else f"~{statistics.fmean(listed):,.0f}"


def weight_data(case: Case, rows: Sequence[Mapping[str, Any]], total: int) -> str:
    """Of a quantised row: bits of kept weights alone, as ADMM-NN counts, and the cost model's bytes with the index."""
    if not case.target.weight_bits:
        return ""
    bits = [sum(row["kept"][layer] * width for layer, width in case.target.weight_bits.items()) for row in rows]
    whole = [row["weight_bytes"] + row["index_bytes"] for row in rows]
    alone, stored_bytes = statistics.fmean(bits) / 8, statistics.fmean(whole)
    return (
        f"{alone:,.1f} B, {4 * total / alone:,.0f}x; with index {stored_bytes:,.0f} B, {4 * total / stored_bytes:,.0f}x"
    )


def table(task_name: str, results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    task = TASKS[task_name]
    layers = list(task.weights) if len(task.weights) <= WIDEST else []
    total = sum(task.weights.values())
    head = [
        "method",
        "target",
        "ratio",
        "test accuracy",
        "loss",
        "loss, trained on",
        "at hard pruning",
        *layers,
        "weight data",
    ]
    head += ["came back", "seeds", "epochs"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for source, ratio, kept in task.published:
        lines.append(f"| *{source}* | {ratio} | {ratio} | | | | | {' | '.join(kept)} | | | | |")
    for case in CASES:
        rows = rows_of(case, results) if case.task == task_name else []
        if not rows:
            continue
        accuracy = [100.0 * row["pruned"]["test"]["accuracy"] for row in rows]
        further = rows_of(trained_on(task_name, case.epochs), results)
        reference = {row["seed"]: 100.0 * row["pruned"]["test"]["accuracy"] for row in further}
        behind = [
            reference[row["seed"]] - value
            for row, value in zip(rows, accuracy, strict=True)
            if row["seed"] in reference
        ]
        loss = [100.0 * row["dense"]["test"]["accuracy"] - value for row, value in zip(rows, accuracy, strict=True)]
        hard = [100.0 * row["pruned"]["test"][HARD_PRUNED] for row in rows if HARD_PRUNED in row["pruned"]["test"]]
        back = [100.0 * row["told"]["recovered_share"] for row in rows if "recovered_share" in row["told"]]
        cells = [
            " ".join(filter(None, (case.pruning, case.label))),
            case.target.name,
            f"{total / statistics.fmean(sum(row['kept'].values()) for row in rows):.0f}x",
            spread(accuracy),
            spread(loss),
            spread(behind) if case.pruning != "none" else "",
            spread(hard),
            *(counts(row["kept"][layer] for row in rows) for layer in layers),
            weight_data(case, rows, total),
            f"{statistics.fmean(back):.1f} %" if back else "",
            str(len(rows)),
            str(case.epochs),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def distortions(case: Case, results: Mapping[str, Mapping[str, Any]]) -> dict[int, RecallDistortion]:
    """What each training did to the classes, on the test split, by seed."""
    found = {}
    for row in rows_of(case, results):
        sides = []
        for side in ("dense", "pruned"):
            metrics = row[side]["test"]
            recalls = {name.removeprefix("recall/"): v for name, v in metrics.items() if name.startswith("recall/")}
            sides += [recalls, metrics["accuracy"]]
        one = distortion(*sides)
        if one is not None and one.intensification is not None:
            found[row["seed"]] = one
    return found


def intensification_table(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Undecayed beside magnitude pruning at the same ratio and schedule, paired by seed."""
    head = ["ratio", "method", "test accuracy", "intensification", "r²", "largest loss of a class", "models"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    verdicts = []
    for ratio in PAIRED_RATIOS:
        slopes = {}
        for method in PAIRED_METHODS:
            case = paired_case(ratio, method)
            found = distortions(case, results)
            if not found:
                continue
            slopes[method] = {seed: float(one.intensification or 0.0) for seed, one in found.items()}
            cells = [
                f"{ratio}x",
                method,
                spread([100.0 * one.accuracy_after for one in found.values()]),
                spread(list(slopes[method].values()), 3),
                f"{statistics.fmean(one.fit or 0.0 for one in found.values()):.2f}",
                spread([100.0 * one.worst.loss for one in found.values()], 1),
                str(len(found)),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        if len(slopes) == 2:
            first, second = (slopes[method] for method in PAIRED_METHODS)
            both = sorted(first.keys() & second.keys())
            apart = [second[seed] - first[seed] for seed in both]
            if len(apart) > 1:
                p = stats.ttest_rel([second[seed] for seed in both], [first[seed] for seed in both]).pvalue
                verdicts.append(
                    f"- {ratio}x: undecayed minus magnitude {spread(apart, 3)} over {len(apart)} models, lower in "
                    f"{sum(one < 0 for one in apart)} of them (paired t-test, two-sided {p_value(p)})."
                )
    return [*lines, "", *verdicts]


def measured(name: str, results: Mapping[str, Mapping[str, Any]], side: str = "accuracy") -> dict[int, float]:
    """The test accuracy in percent of a case by seed, at its end or (``HARD_PRUNED``) when its masks became final."""
    rows = [row for case in CASES if case.name == name for row in rows_of(case, results)]
    return {row["seed"]: 100.0 * row["pruned"]["test"][side] for row in rows if side in row["pruned"]["test"]}


def ambitions(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was wanted, each with what was measured."""
    lines = []
    dense = {
        row["seed"]: 100.0 * row["dense"]["test"]["accuracy"]
        for case in CASES
        if case.task == "lenet5"
        for row in rows_of(case, results)
    }
    for name, wanted in AMBITIONS.items():
        losses = [dense[seed] - value for seed, value in measured(name, results).items()]
        if losses:
            reached = "reached" if statistics.fmean(losses) <= wanted else "**not reached**"
            seeds = f"{len(losses)} seed{'s' if len(losses) > 1 else ''}"
            lines.append(f"- {name}: {spread(losses)} points of loss, {seeds} (wanted: at most {wanted}): {reached}.")
    for task, target in (("lenet300", "12x"), ("lenet300", "80x"), ("lenet5", "85x")):
        slr = measured(f"{task} {target} slr", results, HARD_PRUNED)
        for label in ("admm", "admm constant rho"):
            admm = measured(f"{task} {target} {label}", results, HARD_PRUNED)
            apart = [slr[seed] - admm[seed] for seed in sorted(slr.keys() & admm.keys())]
            if apart:
                lines.append(
                    f"- {task} {target}, before retraining, equal epochs: SLR minus {label} {spread(apart)} points "
                    f"(wanted: ahead): {'reached' if statistics.fmean(apart) > 0 else '**not reached**'}."
                )
    return lines


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page from the stored lines."""
    lines = [
        "# Pruning methods on the papers' networks",
        "",
        "Made by `python benchmarks/pruning_table.py --data-root DIR`; a line of `benchmarks/results/pruning/` is one",
        "training. Test accuracies in percent, mean ± standard deviation over the seeds; each seed has its own dense",
        "float network, from which all rows start. *loss*: points below it; *trained on*: below that network after as",
        "many further epochs. *came back*: of the weights that were removed at some time in the training, the share",
        "that was there at its end. *at hard pruning*: test accuracy when the masks have just become final, before any",
        "training with them. *weight data*: kept weights x bits against 32 bits each, as ADMM-NN counts; then with the",
        "constants and indices of our cost model. Rows in italics are published.",
    ]
    verdicts = ambitions(results)
    if verdicts:
        lines += ["", "## Wanted and measured", "", *verdicts]
    for name, task in TASKS.items():
        own = table(name, results)
        trained = [row for case in CASES if case.task == name for row in rows_of(case, results)]
        if not trained:
            continue
        dense = {row["seed"]: 100.0 * row["dense"]["test"]["accuracy"] for row in trained}
        part = task.training["samples_per_epoch"]
        epoch = f"{part:,} of the training images, drawn anew each time" if part else "all training images"
        lines += [
            "",
            f"## {task.network.rpartition(':')[2]} on {task.dataset}: {sum(task.weights.values()):,} weights",
            "",
            f"Dense float network: {spread(list(dense.values()))} after {task.training['baseline_epochs']} epochs.",
            f"An epoch is {epoch}; batches of {task.training['batch_size']}, Adam, cosine.",
            "",
            *own,
        ]
        if name == "fashion300":
            lines += [
                "",
                "### Which classes pay: undecayed against magnitude pruning",
                "",
                "Intensification is the slope, without intercept, of the normalised recall balances after pruning on",
                "those before (Good et al., NeurIPS 2022); above 1 the gaps between classes widened. Both methods cut",
                "the same dense network of a seed once, after a fifth of the training, and train on under the mask.",
                "",
                *intensification_table(results),
            ]
    missing = [
        f"- {case.name}: {left} of {case.seeds} seeds" for case in CASES if (left := trainings_left(case, results))
    ]
    if missing:
        lines += ["", "## Not trained yet", "", "The command above goes on with these:", "", *missing]
    return "\n".join(lines) + "\n"


def trainings_left(case: Case, results: Mapping[str, Mapping[str, Any]]) -> int:
    return case.seeds - len(rows_of(case, results))
