"""The engine for several workers on this machine: a pool of processes that survives the death of a worker."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pebble

from dse.allocator import keep_freed_memory
from dse.search.engine import Evaluate, evaluated, failed
from studies import Evaluation

if TYPE_CHECKING:
    from dse.evaluate import Job

_THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class ProcessEngine:
    """Runs jobs in ``workers`` spawned processes with one computing thread each.

    A worker that dies (killed, out of memory, a crash in native code) fails its own job only and is replaced.
    """

    def __init__(self, workers: int, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._jobs: dict[concurrent.futures.Future[Evaluation], tuple[int, Job]] = {}
        self._pool = pebble.ProcessPool(
            max_workers=workers,
            context=multiprocessing.get_context("spawn"),
            initializer=_begin_worker,
            initargs=(os.getpid(),),
        )

    def start(self, number: int, job: Job) -> None:
        """Hand one job to the pool."""
        self._jobs[self._pool.schedule(evaluated, args=(self._evaluate, job))] = (number, job)

    def finished(self) -> tuple[int, Evaluation]:
        """Wait for any job; of several that are done, the one with the smallest number."""
        done, _ = concurrent.futures.wait(self._jobs, return_when=concurrent.futures.FIRST_COMPLETED)
        future = min(done, key=lambda one: self._jobs[one][0])
        number, job = self._jobs.pop(future)
        try:
            return number, future.result()
        except pebble.ProcessExpired as error:
            return number, failed(job, _death(error.exitcode))
        except BrokenProcessPool:  # workers die before they get a job: nothing can be evaluated at all
            raise
        except Exception as error:
            return number, failed(job, f"{type(error).__name__}: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _begin_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle; it stops the pool
    for name in _THREAD_COUNTS:
        os.environ[name] = "1"
    keep_freed_memory()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A worker whose parent was killed would train on for nobody."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _death(exit_code: int) -> str:
    if exit_code < 0:
        try:
            return f"WorkerDied: the worker process was killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            pass
    return f"WorkerDied: the worker process ended with exit code {exit_code}"
