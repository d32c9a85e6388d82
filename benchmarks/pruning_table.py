"""Every pruning method on the networks that pruning papers compare themselves on, at the papers' ratios.

One command makes docs/results/pruning.md, and goes on where it stopped:

    python benchmarks/pruning_table.py --data-root DIR

Each finished training is a line in benchmarks/results/pruning/METHOD.jsonl and is not done again; ``--page`` only
writes the page from what is there, ``--only WORDS`` trains the cases whose name holds all words, ``--list`` shows them.
A row of the page is a case of the table CASES below: any registered pruning method with its options, a target and a
length of training. Nothing is chosen on the test split; it is measured once for each training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy import stats

from cost_models import Configuration, LayerBudget, Workload
from dse.evaluate import Job, baseline, evaluate, trace_study
from studies import Evaluation, RecallDistortion, State, Study, study_from_dict
from studies.evaluation import HARD_PRUNED
from studies.recall import distortion

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "pruning"
PAGE = ROOT / "docs" / "results" / "pruning.md"
SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Task:
    """A network on a data set, and how its dense float network is trained; ``published`` are rows from papers."""

    network: str
    dataset: str
    training: Mapping[str, Any]
    weights: Mapping[str, int]
    published: Sequence[tuple[str, str, Sequence[str]]] = ()  # source, ratio, kept of each layer


@dataclass(frozen=True)
class Target:
    """How many weights of each layer are kept, or at least kept where a method finds its own; bits where not float."""

    name: str
    kept: Mapping[str, int]
    weight_bits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One row: a method with its options on a task, for a target, trained for ``epochs`` under several seeds."""

    task: str
    target: Target
    pruning: str
    label: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 12
    learning_rate: float = 1e-3
    seeds: int = 3
    training: Mapping[str, Any] = field(default_factory=dict)
    weight_quantizer: str = "uniform"

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.task, self.target.name, self.pruning, self.label)))

    def study(self, seed: int) -> Study:
        task = TASKS[self.task]
        return study_from_dict(
            {
                "name": self.name,
                "seed": seed,
                "task": {"network": task.network, "dataset": task.dataset},
                "method": {
                    "pruning": self.pruning,
                    "weight_quantizer": self.weight_quantizer,
                    self.pruning: dict(self.options),
                },
                "space": {"time_steps": 1},
                "training": {
                    **task.training,
                    "epochs": self.epochs,
                    "learning_rate": self.learning_rate,
                    **self.training,
                },
            }
        )

    def key(self, seed: int) -> str:
        """What decides the result of one training, as a digest."""
        task = TASKS[self.task]
        matters = {
            **{name: getattr(self, name) for name in ("pruning", "options", "epochs", "learning_rate", "training")},
            "target": [dict(self.target.kept), dict(self.target.weight_bits)],
            "task": [task.network, task.dataset, task.training],
            "seed": seed,
            **({} if self.weight_quantizer == "uniform" else {"weight_quantizer": self.weight_quantizer}),
        }
        return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()[:16]


LENET_5 = {"conv1": 500, "conv2": 25_000, "fc1": 400_000, "fc2": 5_000}
LENET_300_100 = {"fc1": 235_200, "fc2": 30_000, "fc3": 1_000}
# A fresh random subset of the training images in each epoch, so that most of them are seen over the epochs.
SHORT = {"baseline_epochs": 8, "samples_per_epoch": 10_000, "validation_fraction": 1 / 12, "batch_size": 100}
LONGER = {**SHORT, "samples_per_epoch": 20_000}
DECAYED = {**LONGER, "weight_decay": 5e-4}

TASKS = {
    "lenet5": Task(
        "lenet5_caffe",
        "mnist",
        SHORT,
        LENET_5,
        published=(
            ("Deep Compression, 2016, Table 3", "12x", ("330", "3,000", "32,000", "950")),
            ("ADMM, 71x model released by its authors", "71x", ("100", "2,000", "3,600", "350")),
            ("ADMM-NN, 2019: 85x, 99.2 %", "85x", ("-", "-", "-", "-")),
            ("ADMM-NN, 2019 (its unified framework): 167x, 99.0 %", "167x", ("100", "1,330", "800", "350")),
            ("AutoPrune, 2019 (abstract): 310x, no loss", "310x", ("-", "-", "-", "-")),
        ),
    ),
    "lenet300": Task(
        "lenet_300_100",
        "mnist",
        LONGER,
        LENET_300_100,
        published=(("Deep Compression, 2016, Table 2", "12x", ("18,816", "2,700", "260")),),
    ),
    "fashion300": Task(
        "lenet_300_100",
        "fashion_mnist",
        DECAYED,
        LENET_300_100,
    ),
}

#: 85x: near the counts of the released 71x network, as no per-layer counts of the published 85x are known.
LENET_5_85 = Target("85x", {"conv1": 100, "conv2": 1_990, "fc1": 2_600, "fc2": 370})
#: ADMM-NN's bits; 7,140 bits of weight data.
LENET_5_JOINT = Target(
    "167x and 2-5 bits",
    {"conv1": 100, "conv2": 1_330, "fc1": 800, "fc2": 350},
    {"conv1": 5, "conv2": 3, "fc1": 2, "fc2": 3},
)
LENET_5_167 = Target("167x", {"conv1": 100, "conv2": 1_330, "fc1": 800, "fc2": 350})
LENET_300_12 = Target("12x", {"fc1": 18_816, "fc2": 2_700, "fc3": 260})
LENET_300_80 = Target("80x", {"fc1": 2_352, "fc2": 780, "fc3": 200})
#: For methods that find their own ratios: what each layer keeps at least.
LENET_5_FREE = Target("own ratios", {"conv1": 5, "conv2": 50, "fc1": 100, "fc2": 20})


def uniform(task: str, ratio: int) -> Target:
    """The same share of each layer's weights."""
    return Target(f"{ratio}x", {layer: round(count / ratio) for layer, count in TASKS[task].weights.items()})


#: Which classes pay: both methods one-shot after a fifth of the training, at the same ratio in each layer.
ONE_SHOT = {"ramp": 0.2, "updates": 1}
PAIRED_RATIOS, PAIRED_METHODS = (10, 20, 50), ("magnitude", "undecayed")


def paired_case(ratio: int, method: str) -> Case:
    """One side of the comparison of undecayed and magnitude pruning."""
    return Case("fashion300", uniform("fashion300", ratio), method, "one-shot", ONE_SHOT, epochs=6, seeds=6)


#: The rows of the page: one line each. A new method is a few more lines.
CASES: tuple[Case, ...] = (
    Case("lenet300", LENET_300_12, "magnitude"),
    Case("lenet300", LENET_300_12, "autoprune"),
    Case("lenet300", LENET_300_12, "undecayed", "gradual", {"ramp": 0.6, "updates": 40}),
    Case("lenet300", LENET_300_80, "magnitude"),
    Case("lenet300", LENET_300_80, "autoprune"),
    Case("lenet300", LENET_300_80, "undecayed", "gradual", {"ramp": 0.6, "updates": 40}),
    Case("lenet5", LENET_5_85, "magnitude"),
    Case("lenet5", LENET_5_85, "autoprune"),
    Case("lenet5", LENET_5_85, "undecayed", "gradual", {"ramp": 0.6, "updates": 40}),
    *(
        Case("lenet300", target, "admm", label, options)
        for target in (LENET_300_80, LENET_300_12)
        for label, options in (("", {}), ("constant rho", {"rho_growth": 1.0}))
    ),
    *(
        Case("lenet300", target, "slr", label, options)
        for target in (LENET_300_80, LENET_300_12)
        for label, options in (("", {}), ("fixed numerator", {"numerator": "fixed"}))
    ),
    Case("lenet5", LENET_5_85, "admm"),
    Case("lenet5", LENET_5_85, "slr"),
    Case("lenet5", LENET_5_167, "admm"),
    Case("lenet5", LENET_5_JOINT, "admm", weight_quantizer="equal_distance"),
    Case("lenet5", LENET_5_167, "magnitude"),
    Case("lenet5", LENET_5_167, "autoprune"),
    *(
        Case("lenet5", LENET_5_FREE, "autoprune", f"mu {mu:g}", {"ratios": "own", "regularisation": mu})
        for mu in (1e-3, 2e-3)
    ),
    *(paired_case(ratio, method) for ratio in PAIRED_RATIOS for method in PAIRED_METHODS),
)


def configuration_of(case: Case, workload: Workload) -> Configuration:
    """The budgets that leave exactly the target's counts."""
    return Configuration(
        tuple(
            LayerBudget(
                layer.name,
                1.0 - case.target.kept[layer.name] / layer.weights,
                case.target.weight_bits.get(layer.name, 32),
            )
            for layer in workload.compressible
        ),
        1,
    )


def train(case: Case, seed: int, data_root: str) -> dict[str, Any]:
    """One training as a line of the results; raises RuntimeError if it failed."""
    study = case.study(seed)
    started = time.perf_counter()
    workload = trace_study(study, data_root)
    dense = baseline(study, data_root, SPLITS)
    result = evaluate(Job(study, configuration_of(case, workload), seed, 0, SPLITS, data_root))
    if result.state is not State.COMPLETE:
        raise RuntimeError(f"{case.name}, seed {seed}: {result.reason}")
    assert result.realised is not None
    assert result.cost is not None
    kept = {
        layer.name: round((1.0 - result.realised[layer.name].pruning_ratio) * layer.weights)
        for layer in workload.compressible
    }
    return {
        "key": case.key(seed),
        "case": case.name,
        "seed": seed,
        "kept": kept,
        "weight_bytes": result.cost.total.weight_memory_bytes,
        "index_bytes": result.cost.total.index_memory_bytes,
        "dense": _measured(dense),
        "pruned": _measured(result),
        "told": {m.metric: m.value for m in result.measurements if m.split == "training"},
        "seconds": round(time.perf_counter() - started, 1),
    }


def _measured(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {split: {} for split in SPLITS}
    for m in evaluation.measurements:
        if m.split in SPLITS:
            found[m.split][m.metric] = round(m.value, 6)
    return found


def stored() -> dict[str, dict[str, Any]]:
    """All lines of the results by their key."""
    lines = (line for path in sorted(RESULTS.glob("*.jsonl")) for line in path.read_text().splitlines())
    return {row["key"]: row for row in map(json.loads, lines)}


def append(case: Case, row: Mapping[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / f"{case.pruning}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


# The page.


def rows_of(case: Case, results: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [results[case.key(seed)] for seed in range(case.seeds) if case.key(seed) in results]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean and standard deviation of the sample."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


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
    layers = list(task.weights)
    total = sum(task.weights.values())
    head = ["method", "target", "ratio", "test accuracy", "loss in points", "at hard pruning", *layers, "weight data"]
    head += ["came back", "seeds", "epochs"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for source, ratio, kept in task.published:
        lines.append(f"| *{source}* | {ratio} | {ratio} | | | | {' | '.join(kept)} | | | | |")
    for case in CASES:
        rows = rows_of(case, results) if case.task == task_name else []
        if not rows:
            continue
        accuracy = [100.0 * row["pruned"]["test"]["accuracy"] for row in rows]
        loss = [100.0 * row["dense"]["test"]["accuracy"] - value for row, value in zip(rows, accuracy, strict=True)]
        hard = [100.0 * row["pruned"]["test"][HARD_PRUNED] for row in rows if HARD_PRUNED in row["pruned"]["test"]]
        back = [100.0 * row["told"]["recovered_share"] for row in rows if "recovered_share" in row["told"]]
        cells = [
            " ".join(filter(None, (case.pruning, case.label))),
            case.target.name,
            f"{total / statistics.fmean(sum(row['kept'].values()) for row in rows):.0f}x",
            spread(accuracy),
            spread(loss),
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
                    f"{sum(one < 0 for one in apart)} of them (paired t-test, two-sided p = {p:.3f})."
                )
    return [*lines, "", *verdicts]


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page from the stored lines."""
    lines = [
        "# Pruning methods on the papers' networks",
        "",
        "Made by `python benchmarks/pruning_table.py --data-root DIR`; a line of `benchmarks/results/pruning/` is one",
        "training. Test accuracies in percent, mean ± standard deviation over the seeds; each seed has its own dense",
        "float network, and the loss is against that one. Rows in italics are published. *came back*: of the weights",
        "that were removed at some time in the training, the share that was there at its end. *at hard pruning*: test",
        "accuracy when the masks have just become final, before any training with them. *weight data*: kept weights x",
        "bits against 32 bits each, as ADMM-NN counts; then with the constants and indices of our cost model.",
    ]
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
            f"## {task.network} on {task.dataset}: {sum(task.weights.values()):,} weights",
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
    missing = [f"- {case.name}: {left} of {case.seeds} seeds" for case in CASES if (left := _left(case, results))]
    if missing:
        lines += ["", "## Not trained yet", "", "The command above goes on with these:", "", *missing]
    return "\n".join(lines) + "\n"


def _left(case: Case, results: Mapping[str, Mapping[str, Any]]) -> int:
    return case.seeds - len(rows_of(case, results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-root", help="folder with the data sets")
    parser.add_argument("--only", nargs="*", default=(), help="train the cases whose name holds all these words")
    parser.add_argument("--seeds", type=int, help="at most so many seeds of each case")
    parser.add_argument("--page", action="store_true", help="train nothing, write the page")
    parser.add_argument("--list", action="store_true", help="show the cases and how many seeds are there")
    arguments = parser.parse_args()
    chosen = [case for case in CASES if all(word in case.name.split() for word in arguments.only)]
    if arguments.list:
        results = stored()
        for case in chosen:
            print(f"{len(rows_of(case, results))} of {case.seeds}  {case.name}")
        return
    if not arguments.page:
        for seed in range(max(case.seeds for case in chosen)):
            for case in chosen:
                if seed < min(case.seeds, arguments.seeds or case.seeds) and case.key(seed) not in stored():
                    row = train(case, seed, arguments.data_root)
                    append(case, row)
                    print(f"{case.name}, seed {seed}: {row['pruned']['test']['accuracy']:.4f}", flush=True)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(stored()), encoding="utf-8")


if __name__ == "__main__":
    main()
