"""The command line as a whole: exit codes, one sentence for what is wrong, and no torch before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cost_models import InputError
from dse import cli
from dse.cli import main
from tests.dse import stored_study


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one sentence with which a command is refused."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("dse: ")
    return captured.err.removeprefix("dse: ").rstrip("\n")


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """The one JSON document that a command prints."""
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["cost", "--help"], ["hardware"], ["list"]])
def test_help_and_light_commands_do_not_load_torch_or_optuna(
    repository: Path, tmp_path: Path, words: list[str]
) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(repository)!r}); sys.modules.update(torch=None, optuna=None); "
        f"import dse.cli; sys.exit(dse.cli.main({words!r}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_help_loads_neither_the_database_nor_pandas(repository: Path) -> None:
    code = "import sys, dse.cli; dse.cli.main(['--help']); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    loaded = set(result.stderr.split())
    assert not loaded & {"torch", "optuna", "sqlalchemy", "pandas", "plotly", "sklearn", "moocore"}


def test_python_m_dse_is_the_command(repository: Path) -> None:
    command = [sys.executable, "-m", "dse", "--version"]
    result = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("spikefront")


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "break-even" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["bugdet", "digits"], "Did you mean 'budget'"),
        (["front"], "see dse front --help"),
        (["front", "a", "b"], "see dse front --help"),
        (["run", "digits", "--trials", "0"], "--trials"),
        (["run", "digits", "--trial", "5"], "--trials"),
        (["run", "none.toml"], "none.toml"),
        (["run", "digits", "--set", "search.trails=5"], "did you mean 'trials'"),
        (["run", "digits", "--workers", "many"], "--workers"),
        (["list", "--storage", "nonsense"], "nonsense"),
        (["show", "digits"], "no study"),
        (["hardware", "shw"], "hardware"),
        (["hardware", "show", "edge_asic_45mn"], "did you mean 'edge_asic_45nm'"),
    ],
)
def test_wrong_input_is_answered_by_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert part in refused(capsys, *words)
    assert not list(tmp_path.iterdir())


def fail(document: Any) -> None:
    raise KeyError("missing")


def test_our_own_failure_is_one_line_with_a_hint(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(cli, "print_json", fail)
    assert main(["list", "--json"]) == 1
    assert capsys.readouterr().err == "dse: internal error: KeyError: 'missing' (--debug prints the traceback)\n"


@pytest.mark.parametrize("words", [["--debug", "list", "--json"], ["list", "--json", "--debug"]])
def test_debug_prints_the_traceback_wherever_it_stands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(cli, "print_json", fail)
    assert main(words) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_interruption_ends_with_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(document: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "print_json", interrupt)
    assert main(["list", "--json"]) == 130
    assert capsys.readouterr().err == "dse: interrupted\n"


def test_a_sentence_stays_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(document: Any) -> None:
        raise InputError("one\n  two")

    monkeypatch.setattr(cli, "print_json", refuse)
    assert refused(capsys, "list", "--json") == "one two"


def test_a_reader_that_has_seen_enough_is_no_failure(repository: Path) -> None:
    command = f"{sys.executable} -m dse hardware show edge_asic_45nm --json | head -c 1"
    result = subprocess.run(command, shell=True, cwd=repository, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("{", "")


def test_a_storage_without_studies_says_how_to_make_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 0
    assert "dse run digits" in capsys.readouterr().out
    assert document(capsys, "list")["studies"] == []
    assert not list(tmp_path.iterdir())


def test_a_storage_option_is_used_instead_of_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    stored_study.store(url)
    monkeypatch.setenv("DSE_STORAGE", url)
    assert [study["study"] for study in document(capsys, "list")["studies"]] == ["digits-snn"]
    assert document(capsys, "list", "--storage", f"sqlite:///{tmp_path}/other.db")["studies"] == []


def test_a_password_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = refused(capsys, "list", "--storage", "mysql+nodriver://me:secret@host/studies")
    assert "secret" not in sentence
