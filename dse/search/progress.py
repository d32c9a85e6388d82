"""How far a run has come: the small value that is handed to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

#: The phases of a run in their order.
PHASES = ("prepare", "baseline", "search", "front", "done")


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot after each step of a run.

    ``phase`` is one of :data:`PHASES`; ``trials`` is the number of finished trials that was asked for. ``measured`` of
    ``to_measure`` trainings of front members are done (phase "front"). ``hypervolume`` is None while there is no front.
    ``seconds_left`` is an estimate from the trainings so far, None before the first of them has ended. ``note`` is a
    sentence for the user: why the search ended early, or what could not be done; empty most of the time.
    """

    phase: str
    trials: int
    complete: int = 0
    stopped: int = 0
    failed: int = 0
    skipped: int = 0
    running: int = 0
    front_size: int = 0
    hypervolume: float | None = None
    measured: int = 0
    to_measure: int = 0
    seconds_elapsed: float = 0.0
    seconds_left: float | None = None
    note: str = ""

    @property
    def finished(self) -> int:
        """Trials that count: complete and stopped ones."""
        return self.complete + self.stopped


OnProgress = Callable[[Progress], None]


@dataclass
class Watch:
    """Keeps the latest :class:`Progress` and passes each change on."""

    latest: Progress
    on_progress: OnProgress | None = None
    workers: int = 1
    _began: float = field(default_factory=monotonic)
    _training_seconds: list[float] = field(default_factory=list)

    def trained(self, seconds: float) -> None:
        """Note how long one training took."""
        self._training_seconds.append(seconds)

    def update(self, **changes: Any) -> None:
        """Change fields of the latest progress (by name) and tell it."""
        latest = replace(self.latest, **{"note": "", **changes}, seconds_elapsed=monotonic() - self._began)
        self.latest = replace(latest, seconds_left=self._left(latest))
        if self.on_progress:
            self.on_progress(self.latest)

    def _left(self, progress: Progress) -> float | None:
        if progress.phase == "done":
            return 0.0
        if not self._training_seconds:
            return None
        mean = sum(self._training_seconds) / len(self._training_seconds)
        trainings = max(progress.trials - progress.finished, 0) + progress.to_measure - progress.measured
        return mean * trainings / self.workers
