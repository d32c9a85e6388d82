"""The contract of an execution engine: it runs evaluations somewhere and hands values back; it stores nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from studies import Evaluation, State

if TYPE_CHECKING:
    from dse.evaluate import Job

Evaluate = Callable[["Job"], Evaluation]


class Engine(Protocol):
    """Runs jobs by number. Used as a context manager; leaving it stops whatever still runs."""

    def start(self, number: int, job: Job) -> None:
        """Begin one job (or put it in the queue)."""

    def finished(self) -> tuple[int, Evaluation]:
        """Wait for a job to end; a job whose worker died or raised is a failed Evaluation with its reason."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def failed(job: Job, reason: str) -> Evaluation:
    """The evaluation of a job that came to nothing."""
    return Evaluation(trial=job.trial, seed=job.seed, state=State.FAILED, asked=job.configuration, reason=reason)


def evaluated(evaluate: Evaluate, job: Job) -> Evaluation:
    """Evaluate one job; whatever it raises (but for an interruption) is a failed evaluation."""
    try:
        return evaluate(job)
    except Exception as error:
        return failed(job, f"{type(error).__name__}: {error}")
