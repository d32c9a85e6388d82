"""A storage that version 1 wrote (its own dump) is read after an upgrade, and kept as it was beside it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from cost_models import InputError
from dse.cli import main
from studies import State, Study, StudyStore, upgrade
from studies.tables import Base
from tests.dse.search.conftest import Run, run  # noqa: F401 - a fixture
from tests.dse.search.synthetic import make_study

DUMP = Path(__file__).with_name("storage_version_1.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A study of three trained trials and a skipped one, as version 1 stored it."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text())
    return path


@pytest.fixture
def url(old: Path) -> str:
    return f"sqlite:///{old}"


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def test_an_older_storage_is_refused_with_the_way_out(url: str, old: Path) -> None:
    before = old.read_bytes()
    with pytest.raises(InputError, match=r"written by an older spikefront .* bring it up to date with dse upgrade"):
        StudyStore(url)
    assert old.read_bytes() == before


def test_an_upgraded_storage_is_read_checked_and_gone_on_with(
    url: str,
    old: Path,
    run: Run,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = rows(old)
    assert main(["upgrade", "--storage", url, "--json"]) == 0
    copy = Path(f"{old}.version-1")
    told = {"storage": url, "before": 1, "now": 2, "copy": str(copy)}
    assert json.loads(capsys.readouterr().out) == told
    assert rows(copy) == before
    with StudyStore(url) as store:
        results = store.results("synthetic")
    assert [one.state for one in results.evaluations].count(State.COMPLETE) == 3
    assert results.front.trials == results.fronts[-1].members == (2, 3)
    assert results.hypervolume == results.fronts[-1].hypervolume
    assert main(["doctor", "--storage", url]) == 0
    again = run(make_study(trials=5, constraints={"memory_bytes": 2500.0}, early_stopping=True), storage_url=url)
    assert again.finished == 5
    assert again.evaluations[:4] == results.evaluations


def test_the_upgraded_tables_are_those_that_are_created_today(url: str, tmp_path: Path) -> None:
    def shapes(address: str) -> dict[str, list[tuple[str, str, bool]]]:
        looked_at = inspect(create_engine(address))
        return {
            table: sorted(
                (column["name"], str(column["type"]).split(" ")[0], column["nullable"])
                for column in looked_at.get_columns(table)
            )
            for table in Base.metadata.tables
        }

    upgrade.upgrade_storage(url)
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    with StudyStore(fresh) as store:
        store.create(Study("s"))
    assert shapes(url) == shapes(fresh)


def test_a_second_upgrade_does_nothing(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", "--storage", url]) == 0
    assert main(["upgrade", "--storage", url]) == 0
    assert f"{url} is up to date (version 2)." in capsys.readouterr().out


def test_a_step_that_fails_leaves_the_storage_as_it_was(url: str, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(old)

    def half_way(connection: object) -> None:
        upgrade._from_version_1(connection)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setitem(upgrade.STEPS, 1, half_way)
    with pytest.raises(KeyboardInterrupt):
        upgrade.upgrade_storage(url)
    assert rows(old) == before
    assert not Path(f"{old}.version-1").exists()


def test_a_copy_is_never_overwritten(url: str, old: Path) -> None:
    Path(f"{old}.version-1").write_text("mine")
    with pytest.raises(InputError, match=r"old\.db\.version-1 is there already; move it away"):
        upgrade.upgrade_storage(url)
    assert Path(f"{old}.version-1").read_text() == "mine"


@pytest.mark.parametrize(
    ("version", "said"),
    [(99, "tables of version 99; this spikefront knows the way to version 2 from 1 only"), (0, "0;")],
)
def test_a_version_without_a_way_is_refused(url: str, old: Path, version: int, said: str) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute(f"UPDATE spikefront_schema SET version = {version}")
    with pytest.raises(InputError, match=said):
        upgrade.upgrade_storage(url)


def test_a_storage_that_does_not_exist_stays_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", "--storage", f"sqlite:///{tmp_path / 'none.db'}"]) == 2
    assert "holds no study; there is nothing to upgrade" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
