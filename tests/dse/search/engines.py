"""Engines for tests: several workers' jobs in one process, in an order of our choice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import pytest

from cost_models import Registry
from dse.search import run as search_run
from dse.search.engine import Evaluate, evaluated
from studies import Evaluation
from tests.dse.search.synthetic import Job


class OneProcess:
    """Finishes the started jobs in a random order (without a generator: as started); may interrupt the run."""

    def __init__(self, evaluate: Evaluate, order: random.Random | None, interrupt_after: int | None) -> None:
        self._evaluate = evaluate
        self._order = order
        self._jobs: list[tuple[int, Job]] = []
        self._left = interrupt_after

    def start(self, number: int, job: Job) -> None:
        self._jobs.append((number, job))

    def finished(self) -> tuple[int, Evaluation]:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left = None if self._left is None else self._left - 1
        number, job = self._jobs.pop(self._order.randrange(len(self._jobs)) if self._order else 0)
        return number, evaluated(self._evaluate, job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.clear()


@contextmanager
def one_process(order: random.Random | None = None, interrupt_after: int | None = None) -> Iterator[None]:
    """Runs in this context use one process however many workers their study has."""

    def engine(workers: int, evaluate: Evaluate) -> OneProcess:
        return OneProcess(evaluate, order, interrupt_after)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_run, "ENGINES", Registry("engine", {"local": engine}))
        yield
