"""The search: proposals, the loop around them, engines that evaluate, and what is done with the final front."""

from __future__ import annotations

from collections.abc import Callable

from cost_models import Registry
from dse.search.engine import Engine, Evaluate
from dse.search.processes import ProcessEngine
from dse.search.samplers import SAMPLERS
from dse.search.serial import SerialEngine

__all__ = ["ENGINES", "SAMPLERS", "Engine", "Evaluate", "ProcessEngine", "SerialEngine"]


def _local(workers: int, evaluate: Evaluate) -> Engine:
    return SerialEngine(evaluate) if workers == 1 else ProcessEngine(workers, evaluate)


#: How evaluations are run: (workers, evaluate) -> engine.
ENGINES: Registry[Callable[[int, Evaluate], Engine]] = Registry("engine", {"local": _local})
