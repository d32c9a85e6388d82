"""Events into frames: counts per pixel and polarity in bins of equal time or of equal numbers of events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cost_models import InputError
from dse.datasets.events import Events
from studies.study import SLICINGS

MOST_TIME_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a recording becomes uint8 frames of shape (T, 2, height, width); channel 0: light falls, 1: it grows.

    ``sensor`` and ``size`` are (height, width): a pixel (y, x) of the sensor counts for (y * height // sensor height,
    x * width // sensor width) of the frame. ``slicing`` is "time" (bins of equal length from the first to the last
    event) or "count" (bins of equal numbers of events in the order of the file). Counts end at ``cap``.
    """

    sensor: tuple[int, int]
    size: tuple[int, int]
    time_steps: int
    slicing: str = "time"
    cap: int = 255

    def __post_init__(self) -> None:
        if self.slicing not in SLICINGS:
            raise InputError(f"events cannot be sliced by {self.slicing!r}; known: {', '.join(SLICINGS)}")
        if type(self.time_steps) is not int or not 1 <= self.time_steps <= MOST_TIME_STEPS:
            raise InputError(f"time_steps is {self.time_steps!r}; event data are cut into 1 to {MOST_TIME_STEPS} bins")
        if not all(1 <= part <= whole for part, whole in zip(self.size, self.sensor, strict=True)):
            raise InputError(
                f"frame_size is {max(self.size)}; frames of this sensor have 1 to {min(self.sensor)} pixels"
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, 2, height, width)."""
        return (self.time_steps, 2, *self.size)

    def frames(self, events: Events) -> npt.NDArray[np.uint8]:
        """The frames of one recording; every event lies on the sensor and there is at least one."""
        row = events.y * self.size[0] // self.sensor[0]
        column = events.x * self.size[1] // self.sensor[1]
        cell = np.ravel_multi_index((self._bins(events), events.polarity, row, column), self.shape)
        counts = np.bincount(cell, minlength=int(np.prod(self.shape)))
        return np.minimum(counts, self.cap).astype(np.uint8).reshape(self.shape)

    def _bins(self, events: Events) -> npt.NDArray[np.int64]:
        if self.slicing == "count":
            return np.arange(len(events)) * self.time_steps // len(events)
        since = events.time - events.time.min()
        bins: npt.NDArray[np.int64] = since * self.time_steps // (since.max() + 1)
        return bins
