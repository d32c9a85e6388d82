"""Stored trials priced anew under another hardware profile: seconds for reading, pricing, and the whole command.

Run: ``python benchmarks/recost.py [--trials 10000] [--network spiking_vgg9]``. The storage is synthetic (random
configurations, activities and accuracies in a temporary SQLite file); everything after that is what ``dse recost`` does
for a user.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from cost_models import Configuration, LayerBudget, Workload, estimate_reports, load_hardware
from dse.network_cost import network_workload
from studies import Evaluation, Measurement, State, Study, StudyStore
from studies.recosting import recosted

OLD, NEW = "edge_asic_45nm", "loihi_like"
#: Trials with configurations and activities of their own; more of them are copies with other accuracies.
DIFFERENT = 1000


def random_configuration(workload: Workload, generator: np.random.Generator) -> Configuration:
    return Configuration(
        tuple(
            LayerBudget(
                layer.name,
                float(generator.integers(0, 10)) / 10,
                int(generator.choice([2, 3, 4, 6, 8])),
                int(generator.choice([2, 4, 8])) if layer.neurons else None,
            )
            for layer in workload.compressible
        ),
        int(generator.integers(1, 9)),
    )


def fill(store: StudyStore, study: Study, workload: Workload, trials: int) -> None:
    """A baseline and ``trials`` complete trials."""
    generator = np.random.default_rng(0)
    asked = [Configuration.uniform(workload, time_steps=4)]
    asked += [random_configuration(workload, generator) for _ in range(trials)]
    measured = [
        workload.with_densities({layer.name: float(generator.random()) for layer in workload.compressible})
        for _ in asked
    ]
    reports = estimate_reports(workload, asked, load_hardware(OLD), measured=measured)
    store.create(study)
    for number, (configuration, own, report) in enumerate(zip(asked, measured, reports, strict=True)):
        accuracy = Measurement("validation", "accuracy", 0, float(generator.random()))
        trial = number - 1 if number else None
        evaluation = Evaluation(trial, 0, State.COMPLETE, configuration, measurements=(accuracy,), cost=report)
        store.add(study.name, replace(evaluation, realised=configuration, workload=own))


def multiply(file: Path, copies: int) -> None:
    """Store every trial again under new numbers, with other accuracies: the same rows as by adding them, in seconds."""
    with closing(sqlite3.connect(file)) as connection, connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'spikefront_%'")
        }
        (last,) = connection.execute("SELECT max(id) FROM spikefront_trials").fetchone()
        (count,) = connection.execute("SELECT count(number) FROM spikefront_trials").fetchone()
        for copy in range(1, copies):
            new = {
                "id": f"id + {copy * last}",
                "number": f"number + {copy * count}",
                "trial_id": f"trial_id + {copy * last}",
            }
            new["value"] = "abs(random()) / 9.3e18"
            for table in ("spikefront_trials", *(name for name, own in columns.items() if "trial_id" in own)):
                chosen = ", ".join(new.get(name, name) for name in columns[table])
                key = "id" if table == "spikefront_trials" else "trial_id"
                only = f"SELECT id FROM spikefront_trials WHERE number IS NOT NULL AND id <= {last}"
                connection.execute(f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE {key} IN ({only})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--network", default="spiking_vgg9")
    parser.add_argument("--storage", type=Path, help="Keep the storage in this file; used if there.")
    options = parser.parse_args()
    workload = network_workload(options.network, None, 10)
    with tempfile.TemporaryDirectory() as folder:
        file = options.storage or Path(folder) / "recost.db"
        url = f"sqlite:///{file}"
        study = Study("recost", hardware=OLD)
        if not file.exists():
            with StudyStore(url) as store:
                fill(store, study, workload, min(options.trials, DIFFERENT))
            multiply(file, -(-options.trials // DIFFERENT))
        started = time.perf_counter()
        with StudyStore(url) as store:
            results = store.results("recost", layer_costs=False)
        read = time.perf_counter()
        again = recosted(results, NEW)
        priced = time.perf_counter()
        front = len(again.front)
        done = time.perf_counter()
        words = [sys.executable, "-m", "dse", "recost", "recost", "--hardware", NEW, "--storage", url, "--json"]
        here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=here)
        command = time.perf_counter() - done
    print(f"{len(results.evaluations):,} trials, {len(workload.compressible)} layers, {front} on the new front")
    print(f"reading {read - started:.2f} s, pricing {priced - read:.2f} s, front {done - priced:.2f} s")
    print(f"the whole command in a process of its own {command:.2f} s")


if __name__ == "__main__":
    main()
