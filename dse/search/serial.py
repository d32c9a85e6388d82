"""The engine for one worker: every job is run in this process when its result is asked for."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dse.search.engine import Evaluate, evaluated
from studies import Evaluation

if TYPE_CHECKING:
    from dse.evaluate import Job


class SerialEngine:
    """Runs one job after the other in the calling process, in the order in which they were started."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._queue: deque[tuple[int, Job]] = deque()

    def start(self, number: int, job: Job) -> None:
        """Put one job in the queue."""
        self._queue.append((number, job))

    def finished(self) -> tuple[int, Evaluation]:
        """Run the job that was started first."""
        number, job = self._queue.popleft()
        return number, evaluated(self._evaluate, job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.clear()
