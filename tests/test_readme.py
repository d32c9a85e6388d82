"""The README's words are true: its example files, commands and Python run as printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from studies import StudyStore, load_study


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text()


@pytest.fixture
def own_task(readme: str, tmp_path: Path) -> Path:
    for name, text in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", readme, re.DOTALL):
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "DSE_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def study_file(readme: str, tmp_path: Path) -> Path:
    text = re.search(r"## A study file\n\n```toml\n(.*?)```", readme, re.DOTALL)
    assert text is not None
    path = tmp_path / "study.toml"
    path.write_text(text[1])
    return path


def test_the_study_file_in_the_readme_is_a_valid_study(study_file: Path) -> None:
    study = load_study(str(study_file))
    assert study.space.for_layer("conv1")["weight_bits"].values == (4, 8)
    assert study.name == tomllib.loads(study_file.read_text())["name"]


def test_the_study_in_the_readme_runs_without_a_failed_trial(study_file: Path) -> None:
    settings = ["--set", "training.epochs=1", "--set", "training.baseline_epochs=1", "--set", "search.seeds_on_front=0"]
    folder = study_file.parent
    ran = run(folder, "dse", "run", study_file.name, "--trials", "4", "--json", *settings)
    assert ran.returncode == 0, ran.stderr
    trials = json.loads(ran.stdout)["trials"]
    assert trials["failed"] == 0
    assert trials["complete"] + trials["stopped"] == 4
    with StudyStore(f"sqlite:///{folder / 'dse.db'}") as store:
        results = store.results(load_study(str(study_file)).name)
    chosen = [one.choices for one in results.evaluations if one.state.finished]
    assert any(one["method.pruning"] == "none" and one["conv1/pruning_ratio"] > 0.0 for one in chosen)


def test_the_cost_of_an_own_network_is_printed_without_training(own_task: Path) -> None:
    result = run(own_task, "dse", "cost", "my_task.py:network", "--input", "13")
    assert result.returncode == 0, result.stderr
    assert not list(own_task.glob("*.db"))


def test_an_own_network_and_own_data_are_searched_and_budgeted(own_task: Path) -> None:
    ran = run(own_task, "dse", "run", "my_study.toml", "--trials", "3")
    assert ran.returncode == 0, ran.stderr
    budget = run(own_task, "dse", "budget", "wine", "--min-accuracy", "0.3")
    assert budget.returncode == 0, budget.stderr
    assert '"0"' in budget.stdout or "[layers.0]" in budget.stdout, budget.stdout


def test_the_python_example_runs_as_printed(readme: str, own_task: Path) -> None:
    code = re.search(r"<!-- python -->\n```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    (own_task / "example.py").write_text(code[1])
    study = own_task / "my_study.toml"
    study.write_text(study.read_text().replace("trials = 12", "trials = 3"))
    result = run(own_task, "example")
    assert result.returncode == 0, result.stderr
