"""The commands about stored studies, on made-up trainings with real costs."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dse.search.run
from cost_models import estimate, load_hardware
from dse.budget_file import read_budget
from dse.cli import main
from dse.search.loop import StudyAborted
from dse.search.progress import Progress
from studies import Measurement, Study, StudyResults, StudyStore
from studies.recosting import recosted
from tests.dse import stored_study

TOTALS = {
    "macs_dense", "macs", "synops", "parameters", "parameters_kept", "neurons", "weight_memory_bytes",
    "index_memory_bytes", "membrane_memory_bytes", "memory_bytes", "energy_joules", "latency_seconds",
}  # fmt: skip
POINT = {
    "trial", "values", "accuracy_validation", "accuracy_test", "accuracy_std", "seeds", "method", "time_steps", "cost",
    "layers", "accuracy_standard_error", "front_probability",
}  # fmt: skip
#: The smallest memory that any made-up trial needs, in whole bytes below it.
LEAST = int(min(trial.cost.total.memory_bytes for trial in stored_study.trials() if trial.cost))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage's file with one study, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "studies.db"
    stored_study.store(f"sqlite:///{path}")
    return path


@pytest.fixture
def storage(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A storage with one study, set as the default one."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/studies.db"
    shutil.copy(filled, tmp_path / "studies.db")
    monkeypatch.setenv("DSE_STORAGE", url)
    return url


@pytest.fixture
def results(storage: str) -> StudyResults:
    with StudyStore(storage) as store:
        return store.results("digits-snn")


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(answer(capsys, *words, "--json"))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    return captured.err


def test_the_front_as_json_has_the_public_shape(capsys: pytest.CaptureFixture[str], results: StudyResults) -> None:
    front = document(capsys, "front", "digits-snn")
    assert list(front) == ["study", "objectives", "directions", "hypervolume", "reference_point", "points"]
    assert front["directions"] == ["maximize", "minimize", "minimize"]
    assert [point["trial"] for point in front["points"]] == list(results.front.trials)
    for point in front["points"]:
        assert set(point) == POINT
        assert set(point["cost"]) == TOTALS
        assert list(point["layers"][0]) == ["name", "pruning_ratio", "weight_bits", "membrane_bits"]


def test_the_front_as_csv_has_a_row_a_point(
    capsys: pytest.CaptureFixture[str], results: StudyResults, tmp_path: Path
) -> None:
    assert answer(capsys, "front", "digits-snn", "--csv", "front.csv") == ""
    with (tmp_path / "front.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(results.front.trials)
    first = results.front.members[0]
    assert first.cost is not None
    assert float(rows[0]["memory_bytes"]) == first.cost.total.memory_bytes
    assert float(rows[0]["odd.name[0]/weight_bits"]) == first.asked["odd.name[0]"].weight_bits


def test_the_front_as_a_table_names_every_member(capsys: pytest.CaptureFixture[str], results: StudyResults) -> None:
    shown = answer(capsys, "front", "digits-snn")
    first_words = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert [int(word) for word in first_words if word.isdecimal()] == list(results.front.trials)
    assert "Uncompressed: validation accuracy 0.9900, test accuracy 0.9800" in shown


def test_a_study_is_also_found_by_its_file(capsys: pytest.CaptureFixture[str], storage: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "digits-snn"')
    assert document(capsys, "front", "mine.toml")["study"] == "digits-snn"
    (tmp_path / "empty.toml").write_text("")
    assert "empty.toml" in refused(capsys, "front", "empty.toml")


@pytest.mark.parametrize("command", ["show", "front", "budget", "report"])
def test_an_unknown_study_is_named_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str], storage: str, command: str
) -> None:
    assert "did you mean 'digits-snn'" in refused(capsys, command, "digits-sn")


def test_the_list_counts_the_trials_by_state(capsys: pytest.CaptureFixture[str], storage: str) -> None:
    (study,) = document(capsys, "list")["studies"]
    assert study["trials"] == {"complete": 20, "stopped": 0, "failed": 1, "skipped": 2}
    assert "20/20" in answer(capsys, "list")


def test_a_study_is_shown_with_its_settings_and_the_reasons(capsys: pytest.CaptureFixture[str], storage: str) -> None:
    shown = answer(capsys, "show", "digits-snn")
    assert "memory_bytes <= 64.0 KiB" in shown
    assert "1 x repeats an earlier trial" in shown
    assert "1 x memory_bytes over the limit of 64.0 KiB" in shown
    assert "TrainingDiverged: loss is nan" in shown
    assert document(capsys, "show", "digits-snn")["settings"]["task"]["network"] == "tiny"


def test_a_trial_is_shown_layer_by_layer(capsys: pytest.CaptureFixture[str], results: StudyResults) -> None:
    shown = document(capsys, "show", "digits-snn", "3")
    cost = results.evaluation(3).cost
    assert cost is not None
    assert shown["cost"] == cost.to_dict()
    text = answer(capsys, "show", "digits-snn", "3")
    assert all(layer in text for layer in stored_study.LAYERS)


@pytest.mark.parametrize(("trial", "part"), [("baseline", "Uncompressed"), ("21", "skipped"), ("22", "failed")])
def test_a_baseline_a_skipped_and_a_failed_trial_can_be_shown(
    capsys: pytest.CaptureFixture[str], storage: str, trial: str, part: str
) -> None:
    assert part in answer(capsys, "show", "digits-snn", trial)
    assert document(capsys, "show", "digits-snn", trial)["study"] == "digits-snn"


@pytest.mark.parametrize(("trial", "part"), [("99", "trials 0 to 22"), ("x", "the number of a trial")])
def test_a_trial_that_does_not_exist_is_refused(
    capsys: pytest.CaptureFixture[str], storage: str, trial: str, part: str
) -> None:
    assert part in refused(capsys, "show", "digits-snn", trial)


def test_a_budget_is_the_most_accurate_point_that_fits(
    capsys: pytest.CaptureFixture[str], results: StudyResults
) -> None:
    budget = document(capsys, "budget", "digits-snn", "--max-memory", "1.5KiB")
    fitting = [point for point in results.front_points() if point["cost"]["memory_bytes"] <= 1536]
    best = max(fitting, key=lambda point: point["accuracy_validation"])
    assert budget["trial"] == best["trial"]
    assert budget["layers"]["fc"]["weight_bits"] == results.evaluation(best["trial"]).asked["fc"].weight_bits


def test_with_a_least_accuracy_a_budget_is_the_smallest_point(
    capsys: pytest.CaptureFixture[str], results: StudyResults
) -> None:
    budget = document(capsys, "budget", "digits-snn", "--min-accuracy", "93%")
    fitting = [point for point in results.front_points() if point["accuracy_validation"] >= 0.93]
    assert budget["trial"] == min(fitting, key=lambda point: point["cost"]["memory_bytes"])["trial"]


def test_a_limit_on_a_cost_that_is_no_objective_finds_trials_off_the_front(
    capsys: pytest.CaptureFixture[str], results: StudyResults
) -> None:
    budget = document(capsys, "budget", "digits-snn", "--max-latency", "100ns")
    accuracies = [
        evaluation.value("validation") or 0.0
        for evaluation in results.evaluations
        if evaluation.measurements and evaluation.cost and evaluation.cost.total.latency_seconds <= 100e-9
    ]
    assert budget["accuracy_validation"] == pytest.approx(max(accuracies))


def test_a_budget_goes_to_stdout_as_toml_and_what_it_reaches_to_stderr(
    capsys: pytest.CaptureFixture[str], storage: str
) -> None:
    assert main(["budget", "digits-snn"]) == 0
    captured = capsys.readouterr()
    assert tomllib.loads(captured.out)["layers"]["odd.name[0]"]["granularity"] == "weight"
    assert captured.err.startswith(f"trial {tomllib.loads(captured.out)['trial']}: validation accuracy")


@pytest.mark.parametrize("form", ["toml", "json", "csv"])
def test_a_budget_file_prices_the_point_as_the_study_did(
    capsys: pytest.CaptureFixture[str], results: StudyResults, tmp_path: Path, form: str
) -> None:
    assert answer(capsys, "budget", "digits-snn", "-o", f"budget.{form}") == ""
    budget = read_budget(tmp_path / f"budget.{form}")
    workload = stored_study.WORKLOAD.with_densities(budget.densities)
    best = results.evaluation(results.front.trials[0])
    assert estimate(workload, budget.configuration, load_hardware(str(budget.hardware))) == best.cost
    assert budget.input_shape == stored_study.WORKLOAD.input_shape


def test_json_and_a_file_are_both_given(capsys: pytest.CaptureFixture[str], storage: str, tmp_path: Path) -> None:
    budget = document(capsys, "budget", "digits-snn", "-o", "budget.toml")
    assert tomllib.loads((tmp_path / "budget.toml").read_text())["trial"] == budget["trial"]


def test_json_and_another_format_on_stdout_contradict_each_other(
    capsys: pytest.CaptureFixture[str], storage: str
) -> None:
    assert "--format csv" in refused(capsys, "budget", "digits-snn", "--json", "--format", "csv")


def test_where_nothing_fits_the_nearest_reachable_value_is_named_and_no_file_written(
    capsys: pytest.CaptureFixture[str], storage: str, tmp_path: Path
) -> None:
    sentence = refused(capsys, "budget", "digits-snn", "--max-memory", "100B", "-o", "budget.toml")
    assert "at most 100 B memory" in sentence
    assert "nearest reachable: memory 1.1 KiB" in sentence
    assert not (tmp_path / "budget.toml").exists()


def test_the_reachable_value_that_was_named_can_be_reached(capsys: pytest.CaptureFixture[str], storage: str) -> None:
    sentence = refused(capsys, "budget", "digits-snn", "--max-memory", str(LEAST))
    reachable = sentence.split("nearest reachable: memory ")[1].split(" (")[0]
    assert main(["budget", "digits-snn", "--max-memory", reachable]) == 0


def test_where_nothing_fits_json_tells_what_is_reachable(capsys: pytest.CaptureFixture[str], storage: str) -> None:
    assert main(["budget", "digits-snn", "--max-memory", "100", "--min-accuracy", "0.95", "--json"]) == 2
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["trial"] is None
    assert found["limits"] == {"memory_bytes": 100.0, "accuracy": 0.95}
    assert found["nearest"]["memory_bytes"]["others_kept"] is True
    assert found["nearest"]["memory_bytes"]["value"] > LEAST
    assert captured.err.count("\n") == 1


def test_a_study_without_trials_has_no_front_and_no_budget(capsys: pytest.CaptureFixture[str], storage: str) -> None:
    with StudyStore(storage) as store:
        store.create(stored_study.study("new"))
    assert "no trial has been run yet" in answer(capsys, "front", "new")
    assert "no trial has been run yet" in refused(capsys, "budget", "new", "--max-memory", "1MiB")
    assert document(capsys, "front", "new")["points"] == []
    assert document(capsys, "show", "new")["baseline"] is None
    assert "0 of 20" in answer(capsys, "show", "new")
    assert "no baseline yet" in refused(capsys, "show", "new", "baseline")


def test_recost_prints_the_front_on_other_hardware_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], results: StudyResults, tmp_path: Path
) -> None:
    before = (tmp_path / "studies.db").read_bytes()
    found = document(capsys, "recost", "digits-snn", "--hardware", "loihi_like")
    expected = recosted(results, "loihi_like")
    assert [point["trial"] for point in found["points"]] == list(expected.front.trials)
    assert found["hypervolume"] == expected.hypervolume
    assert (found["hardware"], found["searched_on"]) == ("loihi_like", "edge_asic_45nm")
    assert (found["trials_priced"], found["over_old_limits"]) == (20, 1)
    old, new = set(results.front.trials), set(expected.front.trials)
    assert (set(found["came"]), set(found["went"])) == (new - old, old - new)
    shown = answer(capsys, "recost", "digits-snn", "--hardware", "loihi_like", "--csv", "front.csv")
    assert "20 trained trials of the search on edge_asic_45nm, priced anew on loihi_like" in shown
    assert len((tmp_path / "front.csv").read_text().splitlines()) == len(expected.front) + 1
    assert (tmp_path / "studies.db").read_bytes() == before


def test_recost_takes_a_profile_that_exists(capsys: pytest.CaptureFixture[str], storage: str) -> None:
    assert "did you mean 'sata'" in refused(capsys, "recost", "digits-snn", "--hardware", "sat")


def test_a_budget_can_be_taken_from_the_front_on_other_hardware(
    capsys: pytest.CaptureFixture[str], results: StudyResults, tmp_path: Path
) -> None:
    again = recosted(results, "loihi_like")
    least = min(point["cost"]["energy_joules"] for point in again.front_points())
    limit = f"{least * 1.001!r} J"
    found = document(capsys, "budget", "digits-snn", "--hardware", "loihi_like", "--max-energy", limit)
    assert found["hardware"] == "loihi_like"
    assert found["cost"]["energy_joules"] == least
    (tmp_path / "budget.json").write_text(json.dumps(found))
    assert read_budget(tmp_path / "budget.json").hardware == "loihi_like"


def test_a_report_is_one_html_file(capsys: pytest.CaptureFixture[str], storage: str, tmp_path: Path) -> None:
    assert document(capsys, "report", "digits-snn", "-o", "out.html") == {"study": "digits-snn", "file": "out.html"}
    assert "digits-snn" in (tmp_path / "out.html").read_text(encoding="utf-8")


@pytest.fixture
def ran(storage: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Study, str, str | None]]:
    """The calls of ``run_study``, which is replaced by one that finds the stored study at once."""
    calls: list[tuple[Study, str, str | None]] = []

    def run_study(study: Study, url: str, data_root: str | None = None, on_progress: Any = None) -> StudyResults:
        calls.append((study, url, data_root))
        if study.search.trials == 13:
            raise StudyAborted("trial after trial failed")
        on_progress(Progress("search", study.search.trials, complete=1))
        with StudyStore(url) as store:
            return store.results("digits-snn")

    monkeypatch.setattr(dse.search.run, "run_study", run_study)
    return calls


def test_a_run_as_json_prints_one_document_and_its_progress_on_stderr(
    capsys: pytest.CaptureFixture[str], ran: list[tuple[Study, str, str | None]]
) -> None:
    assert main(["run", "digits", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert list(found) == ["study", "trials", "seconds", "hypervolume", "front"]
    assert found["trials"]["complete"] == 20
    assert set(found["front"][0]) == POINT
    assert "digits: searching 1/" in captured.err


def test_options_of_a_run_override_the_study(
    capsys: pytest.CaptureFixture[str], ran: list[tuple[Study, str, str | None]]
) -> None:
    words = ["--trials", "7", "--workers", "3", "--engine", "local", "--set", "seed=4", "--data-root", "images"]
    assert main(["run", "digits", *words, "--storage", "sqlite:///studies.db"]) == 0
    ((study, url, data_root),) = ran
    assert (study.search.trials, study.search.workers, study.search.engine, study.seed) == (7, 3, "local", 4)
    assert (url, data_root) == ("sqlite:///studies.db", "images")


def test_a_run_ends_with_the_front_and_what_to_do_next(
    capsys: pytest.CaptureFixture[str], ran: list[tuple[Study, str, str | None]]
) -> None:
    shown = answer(capsys, "run", "digits")
    assert "Pareto front of 'digits-snn'" in shown
    assert "dse report digits" in shown


def test_a_run_that_gave_up_is_our_failure_in_one_sentence(
    capsys: pytest.CaptureFixture[str], ran: list[tuple[Study, str, str | None]]
) -> None:
    assert main(["run", "digits", "--trials", "13"]) == 1
    assert capsys.readouterr().err == "dse: trial after trial failed\n"


def test_a_trial_is_shown_with_what_it_did_to_each_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'recalls.db'}"
    with StudyStore(url) as store:
        store.create(stored_study.study())
        for evaluation, recalls in ((stored_study.baseline(), (0.9, 0.7)), (stored_study.trials(1)[0], (0.7, 0.5))):
            own = [
                Measurement("validation", f"recall/{name}", 7, value) for name, value in zip("ab", recalls, strict=True)
            ]
            own.append(Measurement("validation", "accuracy", 7, sum(recalls) / 2))
            store.add("digits-snn", replace(evaluation, measurements=tuple(own)))
    assert main(["show", "digits-snn", "0", "--storage", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["recall"]["validation"]
    assert found["intensification"] == pytest.approx(4 / 3)
    assert found["worst_class"] == "a"
    assert main(["show", "digits-snn", "0", "--storage", url]) == 0
    assert "class a lost most, 20.0 points; intensification 1.333" in capsys.readouterr().out
