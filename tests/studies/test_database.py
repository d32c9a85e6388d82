from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from sqlalchemy import create_engine, text

from cost_models import Configuration, InputError
from studies import Evaluation, State, Study, StudyStore

RUNNING = Evaluation(0, 0, State.RUNNING, Configuration(()))


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def ours(path: Path, *statements: str) -> Path:
    """A storage with one study, then changed by plain SQL and written out to its one file."""
    with StudyStore(url(path)) as store:
        store.create(Study("s"))
        store.add("s", RUNNING)
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def garbage(path: Path) -> Path:
    path.write_bytes(b"not a database at all, but long enough to have a header of its own" * 40)
    return path


def garbage_behind_a_header(path: Path) -> Path:
    path.write_bytes(b"SQLite format 3\x00" + b"\x07" * 5000)
    return path


def cut_off(path: Path) -> Path:
    whole = ours(path).read_bytes()
    path.write_bytes(whole[:6000])
    return path


BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "garbage": (garbage, "is not an SQLite database"),
    "garbage behind a header": (garbage_behind_a_header, "SQLite database|cannot be"),
    "a file cut off": (cut_off, "is a damaged SQLite database"),
    "a newer version": (
        lambda path: ours(path, "UPDATE spikefront_schema SET version = 99"),
        "was written by a newer spikefront .*version 99",
    ),
    "an older version": (
        lambda path: ours(path, "UPDATE spikefront_schema SET version = 0"),
        "was written by an older spikefront",
    ),
    "a version that is a word": (
        lambda path: ours(path, "DROP TABLE spikefront_schema", "CREATE TABLE spikefront_schema (version TEXT)",
                          "INSERT INTO spikefront_schema VALUES ('new')"),
        "its tables have no version",
    ),
    "no version": (lambda path: ours(path, "DELETE FROM spikefront_schema"), "its tables have no version"),
    "a table missing": (
        lambda path: ours(path, "DROP TABLE spikefront_measurements"),
        "lacks the table spikefront_measurements",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_database_that_cannot_be_used_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    make, sentence = BROKEN[kind]
    path = make(tmp_path / "dse.db")
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(InputError, match=sentence) as caught:
            StudyStore(url(path)).create(Study("other"))
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["dse.db"]


def test_a_missing_file_is_created_by_create_only(tmp_path: Path) -> None:
    path = tmp_path / "dse.db"
    with StudyStore(url(path)) as store:
        assert store.names() == ()
        for method in (store.study, store.evaluations, store.baseline, store.fronts, store.results):
            with pytest.raises(InputError, match="there is no study 's' in storage"):
                method("s")
        with pytest.raises(InputError, match="there is no study 's' in storage"):
            store.add("s", RUNNING)
        assert list(tmp_path.iterdir()) == []
        store.create(Study("s"))
        assert path.is_file()


def test_a_store_notices_a_file_that_another_one_creates(tmp_path: Path) -> None:
    with StudyStore(url(tmp_path / "dse.db")) as early, StudyStore(url(tmp_path / "dse.db")) as other:
        other.create(Study("s"))
        assert early.names() == ("s",)
        early.create(Study("t"))
        assert other.names() == ("s", "t")


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    path = tmp_path / "dse.db"
    path.touch()
    with StudyStore(url(path)) as store:
        assert store.names() == ()
        assert path.read_bytes() == b""
        store.create(Study("s"))
        assert store.names() == ("s",)


def test_the_database_of_another_program_is_only_read_until_a_study_is_created(tmp_path: Path) -> None:
    path = tmp_path / "dse.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.execute("INSERT INTO recipes VALUES ('soup')")
        connection.commit()
    before = path.read_bytes()
    with StudyStore(url(path)) as store:
        assert store.names() == ()
        with pytest.raises(InputError, match="no study is stored there yet"):
            store.results("s")
        assert path.read_bytes() == before
        store.create(Study("s"))
        assert store.names() == ("s",)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM recipes").fetchall() == [("soup",)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optunas_tables_and_ours_live_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "dse.db"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(url(path))
    study = optuna.create_study(storage=storage, study_name="s")
    with StudyStore(url(path)) as store:
        store.create(Study("s"))
        store.add("s", RUNNING)
        study.tell(study.ask(), 1.0)
        assert store.evaluations("s") == [RUNNING]
    assert len(optuna.load_study(study_name="s", storage=storage).trials) == 1
    storage.engine.dispose()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        StudyStore(url(tmp_path))


def test_a_file_in_a_missing_folder_is_refused_when_it_would_be_created(tmp_path: Path) -> None:
    store = StudyStore(url(tmp_path / "no" / "dse.db"))
    assert store.names() == ()
    with pytest.raises(InputError, match=r"there is no folder .*no; create it first"):
        store.create(Study("s"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("dse.db", "is not a database URL; write for example sqlite:///dse.db"),
        ("", "is not a database URL"),
        ("sqlite://dse.db", "is not a database URL"),
        ("nosuchdb://host/x", "needs a database driver that is not installed"),
    ],
)
def test_a_url_that_is_none_is_refused(wrong: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        StudyStore(wrong)


def test_a_password_is_not_repeated_in_a_message() -> None:
    with pytest.raises(InputError) as caught:
        StudyStore("nosuchdb://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_read_only_storage_can_be_read_and_not_written(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db")
    before = path.read_bytes()
    with StudyStore(f"sqlite:///file:{path}?mode=ro&uri=true") as store:
        assert store.evaluations("s") == [RUNNING]
        for write in (lambda: store.create(Study("t")), lambda: store.add("s", RUNNING)):
            with pytest.raises(InputError, match="is read-only; make the file and its folder writable"):
                write()
    assert path.read_bytes() == before


def test_a_file_without_write_permission_can_be_read_and_not_written(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db")
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write to read-only files")
    with StudyStore(url(path)) as store:
        assert store.names() == ("s",)
        with pytest.raises(InputError, match="is read-only"):
            store.create(Study("t"))


def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read any file")
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        StudyStore(url(path))


def test_a_storage_that_another_program_writes_to_is_refused_after_the_busy_timeout(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db")
    with (
        StudyStore(url(path), busy_timeout_seconds=0.05) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert store.evaluations("s") == [RUNNING]  # readers never wait
        with pytest.raises(InputError, match="is locked by another program"):
            store.create(Study("t"))
        other.execute("ROLLBACK")
        store.create(Study("t"))
        assert store.names() == ("s", "t")


def test_a_storage_that_another_program_holds_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dse.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE x (y)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="is locked by another program"):
            StudyStore(url(path), busy_timeout_seconds=0.05)


def test_a_storage_writes_ahead_and_waits_for_others(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_study_that_somebody_else_changed_by_hand_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db", "UPDATE spikefront_studies SET definition = '{\"nam\": 1}'")
    with StudyStore(url(path)) as store, pytest.raises(InputError, match="study 's' cannot be read: unknown key 'nam'"):
        store.results("s")


def test_a_trial_that_somebody_else_changed_by_hand_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db", "UPDATE spikefront_trials SET state = 'happy'")
    with StudyStore(url(path)) as store, pytest.raises(InputError, match="study 's': trial 0 cannot be read"):
        store.results("s")


def test_deleting_a_trial_by_hand_takes_its_rows_along(tmp_path: Path) -> None:
    path = ours(tmp_path / "dse.db", "PRAGMA foreign_keys=ON", "DELETE FROM spikefront_trials")
    engine = create_engine(url(path))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM spikefront_budgets")).scalar() == 0
    engine.dispose()


def test_a_copy_of_the_file_is_the_whole_storage_once_it_is_closed(tmp_path: Path) -> None:
    with StudyStore(url(tmp_path / "dse.db")) as store:
        store.create(Study("s"))
        store.add("s", RUNNING)
    shutil.copy(tmp_path / "dse.db", tmp_path / "copy.db")
    with StudyStore(url(tmp_path / "copy.db")) as copy:
        assert copy.evaluations("s") == [RUNNING]
