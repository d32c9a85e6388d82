"""A storage checked against itself: a sound one has no findings, and whatever somebody changes in it is told."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dse.cli import main
from studies import Evaluation
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import make_study


def examined(url: str, capsys: pytest.CaptureFixture[str], code: int, *words: str) -> dict[str, Any]:
    """What ``dse doctor --json`` prints, with this exit code."""
    capsys.readouterr()
    assert main(["doctor", *words, "--storage", url, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["sound"] == (code == 0)
    return document


def change(url: str, *statements: str) -> None:
    """Plain SQL, without the foreign keys that we switch on."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def evaluate_now_and_then(job: Any) -> Evaluation:
    if job.trial == 2:
        raise RuntimeError("out of luck")
    return synthetic.evaluate(job)


def test_what_a_run_leaves_behind_is_sound(run: Run, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(trials=7, constraints={"memory_bytes": 2500.0}, seeds_on_front=2)
    run(study, evaluate=evaluate_now_and_then)
    results = run(replace(study, search=replace(study.search, trials=10)), evaluate=evaluate_now_and_then)
    assert {state for state, count in results.counts.items() if count} >= {"complete", "failed", "skipped"}
    (found,) = examined(url, capsys, 0)["studies"]
    assert found["findings"] == []
    assert found["trials"] == len(results.evaluations)
    assert found["fronts"] == results.finished == 10
    assert found["costs"] == sum(one.cost is not None for one in results.evaluations) + 1


def test_stopped_trainings_and_their_estimated_costs_are_sound(
    run: Run, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results = run(make_study(trials=40, early_stopping=True), evaluate=synthetic.evaluate_with_curve)
    assert results.counts["stopped"]
    assert examined(url, capsys, 0)["studies"][0]["findings"] == []


ROW = "(SELECT id FROM spikefront_trials WHERE number = 3)"
DAMAGES = {
    "a total": (
        f"UPDATE spikefront_costs SET memory_bytes = memory_bytes * 1.001 WHERE trial_id = {ROW}",
        r"the costs of trial 3 are not those that profile 'edge_asic_45nm' gives now (memory_bytes is",
    ),
    "a layer": (
        f"UPDATE spikefront_layer_costs SET synops = 1 WHERE trial_id = {ROW} AND name = 'conv2'",
        "(conv2: synops is 1.0, now",
    ),
    "a budget": (
        f"UPDATE spikefront_budgets SET weight_bits = 16 WHERE trial_id = {ROW} AND role = 'realised'",
        "the costs of trial 3 are not those",
    ),
    "a hypervolume": (
        "UPDATE spikefront_fronts SET hypervolume = hypervolume * 1.001 WHERE finished IN (4, 6)",
        "the hypervolumes of the stored fronts after 4, 6 finished trials are not those of the trials",
    ),
    "a member": (
        "DELETE FROM spikefront_front_members WHERE front_id IN "
        "(SELECT id FROM spikefront_fronts WHERE finished = 5) AND position = 0",
        "the members of the stored fronts after 5 finished trials are not those of the trials",
    ),
    "an accuracy": (
        "UPDATE spikefront_measurements SET value = 0.9999 WHERE metric = 'accuracy' AND split = 'validation' "
        f"AND trial_id = {ROW}",
        "the hypervolumes of the stored fronts after 4, 5, 6",
    ),
    "no accuracy": (
        f"DELETE FROM spikefront_measurements WHERE trial_id = {ROW}",
        "complete, yet without a number for every objective: trial 3",
    ),
    "a trial": (
        "DELETE FROM spikefront_trials WHERE number = 3",
        "numbers are missing among the trials: 3",
    ),
    "a front too many": (
        "UPDATE spikefront_fronts SET finished = 60 WHERE finished = 6",
        "fronts are stored after 60 trials; only 6 finished",
    ),
    "a definition": (
        "UPDATE spikefront_studies SET definition = '{}'",
        "study 'synthetic' cannot be read: name is missing",
    ),
}


@pytest.mark.parametrize(("statement", "said"), DAMAGES.values(), ids=DAMAGES)
def test_whatever_is_changed_is_told(
    run: Run, url: str, capsys: pytest.CaptureFixture[str], statement: str, said: str
) -> None:
    run(make_study(trials=6))
    change(url, statement)
    (found,) = examined(url, capsys, 1)["studies"]
    assert any(said in finding for finding in found["findings"]), found["findings"]


def test_rows_that_belong_to_nothing_are_counted(run: Run, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    results = run(make_study(trials=6))
    change(url, "DELETE FROM spikefront_trials WHERE number = 3")
    faults = examined(url, capsys, 1)["faults"]
    assert "6 rows of spikefront_budgets belong to no row of spikefront_trials" in faults
    shown = sum(3 in front.members for front in results.fronts)
    assert shown
    assert f"{shown} rows of spikefront_front_members name a trial that is not stored" in faults


def test_one_damaged_study_does_not_hide_the_others(run: Run, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(make_study(trials=3))
    run(replace(make_study(trials=4), name="other"))
    change(url, "UPDATE spikefront_studies SET definition = '{}' WHERE name = 'synthetic'")
    damaged, sound = examined(url, capsys, 1)["studies"]
    assert (damaged["study"], sound["study"], sound["findings"]) == ("synthetic", "other", [])
    assert examined(url, capsys, 0, "other")["studies"] == [sound]


def test_a_profile_that_is_gone_leaves_the_fronts_checked(
    run: Run, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(make_study(trials=4))
    change(url, "UPDATE spikefront_studies SET definition = replace(definition, 'edge_asic_45nm', 'mine.toml')")
    (found,) = examined(url, capsys, 1)["studies"]
    assert (found["costs"], found["fronts"], len(found["findings"])) == (0, 4, 1)
    assert found["findings"][0].startswith("costs were not checked: ")


def test_people_read_what_was_looked_at(run: Run, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(make_study(trials=4))
    assert main(["doctor", "--storage", url]) == 0
    assert "synthetic: 4 trials, 5 costs and 4 fronts computed anew, all as stored" in capsys.readouterr().out


def test_no_storage_and_no_such_study(url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, run: Run) -> None:
    assert examined(url, capsys, 0)["studies"] == []
    assert not list(tmp_path.iterdir())
    run(make_study(trials=2))
    capsys.readouterr()
    assert main(["doctor", "synthtic", "--storage", url]) == 2
    assert "did you mean 'synthetic'" in capsys.readouterr().err
