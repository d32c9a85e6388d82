"""The live view of a run on standard error: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from dse.search.progress import Progress

#: Seconds between two plain lines of one phase where nobody watches a terminal, so that a log stays readable.
LINE_EVERY_SECONDS = 10.0
BAR_WIDTH = 28
PHASE_SENTENCES = {
    "prepare": "checking the study",
    "baseline": "training the uncompressed network",
    "search": "searching",
    "front": "measuring the front on the test split",
    "done": "done",
}


class RunDisplay:
    """Shows the progress of one run while it is open as a context; call it with each new :class:`Progress`.

    ``stream`` is standard error by default. A terminal gets a bar that is redrawn in place; anything else gets a line
    at each change of phase and at most every ``line_every`` seconds in between.
    """

    def __init__(self, study: str, stream: IO[str] | None = None, *, line_every: float = LINE_EVERY_SECONDS) -> None:
        self._study = study
        self._stream = stream or sys.stderr
        self._line_every = line_every
        self._live: Live | None = None
        self._latest: Progress | None = None
        self._told_at = time.monotonic()
        self._line = ("", -1, -1.0)

    def __enter__(self) -> Self:
        if self._stream.isatty():
            from rich.console import Console
            from rich.live import Live

            # Standard output stays untouched: it may be carrying the one JSON document.
            self._live = Live(
                console=Console(file=self._stream, highlight=False),
                get_renderable=self._view,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=False,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._latest is not None and self._latest.phase != "prepare":
            self._print(f"{self._study}: {self._summary(self._latest)}")

    def __call__(self, progress: Progress) -> None:
        """Show a new state of the run."""
        if progress.note and (self._latest is None or progress.note != self._latest.note):
            self._tell(progress.note)
        self._latest = progress
        self._told_at = time.monotonic()
        if self._live is None and progress.phase not in ("prepare", "done"):
            self._print_line(progress)

    def _print_line(self, progress: Progress) -> None:
        phase, position, printed_at = self._line
        moved = progress.finished + progress.measured
        due = moved != position and time.monotonic() - printed_at >= self._line_every
        if progress.phase != phase or due:
            self._line = (progress.phase, moved, time.monotonic())
            self._print(f"{self._study}: {phase_text(progress)}{_counts_after(progress)}")

    def _tell(self, note: str) -> None:
        if self._live is None:
            self._print(f"{self._study}: {note}")
        else:
            from rich.text import Text

            self._live.console.print(Text(f"{self._study}: {note}"))

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def _summary(self, progress: Progress) -> str:
        return f"{counts_text(progress)} in {duration(self._elapsed(progress))}"

    def _elapsed(self, progress: Progress) -> float:
        return progress.seconds_elapsed + time.monotonic() - self._told_at

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        progress = self._latest
        if progress is None:
            return Text(f"{self._study}: {PHASE_SENTENCES['prepare']}")
        done, total = steps(progress)
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=total or None, completed=done, width=BAR_WIDTH, pulse=not total)
        line.add_row(Text(f"{self._study}: {phase_text(progress)}"), bar, Text(self._times(progress)))
        return Group(line, Text(counts_text(progress), style="dim"))

    def _times(self, progress: Progress) -> str:
        elapsed = duration(self._elapsed(progress))
        if progress.seconds_left is None:
            return elapsed
        left = max(0.0, progress.seconds_left - (time.monotonic() - self._told_at))
        return f"{elapsed}, about {duration(left)} left"


def steps(progress: Progress) -> tuple[int, int]:
    """What is done and what is to be done in the current phase; (0, 0) where that cannot be counted."""
    if progress.phase == "search":
        return min(progress.finished, progress.trials), progress.trials
    return (progress.measured, progress.to_measure) if progress.phase == "front" else (0, 0)


def phase_text(progress: Progress) -> str:
    """The phase in words, with its count where it has one."""
    done, total = steps(progress)
    return PHASE_SENTENCES.get(progress.phase, progress.phase) + (f" {done}/{total}" if total else "")


def counts_text(progress: Progress) -> str:
    """Trials by their state, the size of the front and its hypervolume, in one line."""
    parts = [f"{progress.complete} complete", f"{progress.stopped} stopped early", f"{progress.skipped} skipped"]
    parts += [f"{progress.failed} failed", f"front of {progress.front_size}"]
    if progress.hypervolume is not None:
        parts.append(f"hypervolume {progress.hypervolume:.4g}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A duration in the two largest of its units.

    >>> duration(7.4), duration(187), duration(7260)
    ('7 s', '3 min 07 s', '2 h 01 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _counts_after(progress: Progress) -> str:
    if progress.phase not in ("search", "front"):
        return ""
    left = "" if progress.seconds_left is None else f"; about {duration(progress.seconds_left)} left"
    return f": {counts_text(progress)}{left}"
