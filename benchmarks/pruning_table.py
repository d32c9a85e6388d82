"""Every pruning method on the networks that pruning papers compare themselves on, at the papers' ratios.

One command makes docs/results/pruning.md, and goes on where it stopped:

    python benchmarks/pruning_table.py --data-root DIR    # in the project's root

Each finished training is a line in benchmarks/results/pruning/METHOD.jsonl and is not done again; ``--page`` only
writes the page from what is there, ``--only WORDS`` trains the cases whose name holds all words, ``--list`` shows them.
The rows are those of pruning_cases.py. Nothing is chosen on the test split; it is measured once for each training.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pruning_cases import CASES, Case
from pruning_page import page, rows_of

from cost_models import Configuration, LayerBudget, Workload
from dse.evaluate import Job, baseline, evaluate, trace_study
from studies import Evaluation, State

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "pruning"
PAGE = ROOT / "docs" / "results" / "pruning.md"
SPLITS = ("validation", "test")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-root", help="folder with the data sets")
    parser.add_argument("--only", nargs="*", default=(), help="train the cases whose name holds all these words")
    parser.add_argument("--seeds", type=int, help="at most so many seeds of each case")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no training after this time")
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
        late = time.monotonic() + 60 * arguments.minutes
        for seed in range(max(case.seeds for case in chosen)):
            for case in chosen:
                wanted = seed < min(case.seeds, arguments.seeds or case.seeds) and case.key(seed) not in stored()
                if wanted and time.monotonic() < late:
                    row = train(case, seed, arguments.data_root)
                    append(case, row)
                    print(f"{case.name}, seed {seed}: {row['pruned']['test']['accuracy']:.4f}", flush=True)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(stored()), encoding="utf-8")


if __name__ == "__main__":
    main()
