"""What several test folders share: where real data may lie, and a quiet, single-threaded, private environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real data sets: ``$DSE_DATA``, else ``../shared/data``; the test is skipped without one."""
    folder = Path(os.environ.get("DSE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data sets: set DSE_DATA to a folder that holds them")
    return folder


@pytest.fixture(autouse=True)
def private_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a user's own storage, cache and data settings out of the tests, and the tests out of theirs."""
    monkeypatch.delenv("DSE_STORAGE", raising=False)
    monkeypatch.delenv("DSE_DATA", raising=False)
    monkeypatch.setenv("DSE_CACHE", str(tmp_path_factory.getbasetemp() / "dse-cache"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """One torch thread, as in every worker: results and timings then do not depend on the machine's cores."""
    import torch

    torch.set_num_threads(1)
