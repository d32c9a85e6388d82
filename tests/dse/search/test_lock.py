from __future__ import annotations

from pathlib import Path

import pytest

from cost_models import InputError
from dse.search.lock import lock_path, only_run


def test_the_lock_lies_beside_the_database() -> None:
    path = lock_path("sqlite:///folder/my.db", "digits")
    assert path is not None
    assert path.parent == Path("folder")
    assert path.name.startswith(".my.db.digits-")


def test_two_studies_of_one_database_have_two_locks() -> None:
    assert lock_path("sqlite:///my.db", "a/b") != lock_path("sqlite:///my.db", "a-b")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_needs_no_lock(url: str) -> None:
    assert lock_path(url, "digits") is None


def test_a_server_has_a_lock_for_each_study_without_its_password() -> None:
    url = "postgresql://me:secret@server/db"
    assert lock_path(url, "a") != lock_path(url, "b")
    assert "secret" not in str(lock_path(url, "a"))


def test_a_lock_is_free_again_after_the_run(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'my.db'}"
    for _ in range(2):
        with only_run(url, "digits"):
            pass


def test_a_second_run_at_the_same_time_is_refused_with_the_locks_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'my.db'}"
    with (
        only_run(url, "digits"),
        pytest.raises(InputError, match=r"'digits' is being run by another process \(lock .*my\.db\.digits"),
        only_run(url, "digits"),
    ):
        pass


def test_a_folder_that_does_not_exist_is_named_and_not_created(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"there is no folder .*missing; create it first"),
        only_run(f"sqlite:///{tmp_path / 'missing' / 'my.db'}", "digits"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with (
        pytest.raises(InputError, match=r"cannot be written .Permission denied.; make its folder writable"),
        only_run(f"sqlite:///{tmp_path / 'dse.db'}", "s"),
    ):
        pass
