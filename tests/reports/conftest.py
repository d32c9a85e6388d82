"""Results that several tests of the report look at; they are made once, for nothing changes them."""

from __future__ import annotations

import pytest

from studies.results import StudyResults
from tests.reports import synthetic


@pytest.fixture(scope="session")
def results() -> StudyResults:
    """A finished study of the small spiking network: 40 trials, all measured."""
    return synthetic.results(trials=40, classes=3)
