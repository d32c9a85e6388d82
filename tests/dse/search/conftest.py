"""A fresh storage, and runs of the synthetic study in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dse.search.run import run_study
from studies import Study, StudyResults
from tests.dse.search import synthetic

Run = Callable[..., StudyResults]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The storage of one test; its file does not exist yet."""
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def run(url: str) -> Run:
    """Run a study with the synthetic evaluation in place of training, without the copy for Optuna's dashboard."""

    def run_it(study: Study, **settings: Any) -> StudyResults:
        given = {
            "storage_url": url,
            "evaluate": synthetic.evaluate,
            "baseline": synthetic.baseline,
            "trace_study": synthetic.trace_study,
            "probe": synthetic.probe,
            "mirror": False,
        }
        return run_study(study, **{**given, **settings})

    return run_it
