"""What all event data sets share: open the recordings of a part, render them, hand them out as temporal samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dse.datasets.dataset import Dataset, DatasetEntry, LoadOptions
from dse.datasets.frame_cache import CachedFrames, cached_frames
from dse.datasets.frames import Rendering
from dse.datasets.recordings import Recording


@dataclass(frozen=True, slots=True)
class EventData:
    """One set of event data.

    ``recordings(data_root, part, stack)`` lists the recordings of "train" or "test" in a fixed order; archives stay
    open until the stack closes. ``time_steps``, ``frame_size`` and ``cap`` are the defaults of its frames.
    """

    name: str
    description: str
    source: str
    licence: str
    sensor: tuple[int, int]
    frame_size: int
    time_steps: int
    cap: int
    class_names: tuple[str, ...]
    recordings: Callable[[Path, str, ExitStack], Sequence[Recording]]

    def entry(self) -> DatasetEntry:
        """This set's line in the table of data sets."""
        return DatasetEntry(
            name=self.name,
            description=self.description,
            source=self.source,
            licence=self.licence,
            input_shape=(2, self.frame_size, self.frame_size),
            classes=len(self.class_names),
            temporal=True,
            load=self.load,
        )

    def load(self, options: LoadOptions) -> Dataset:
        """Frames of shape (T, 2, size, size), rendered once and memory-mapped."""
        size = self.frame_size if options.frame_size is None else options.frame_size
        steps = self.time_steps if options.time_steps is None else options.time_steps
        rendering = Rendering(self.sensor, (size, size), steps, options.slicing, self.cap)

        def part(name: str) -> CachedFrames:
            with ExitStack() as stack:
                listed = self.recordings(options.data_root, name, stack)
                return cached_frames(f"{self.name} {name}", listed, rendering, options)

        train = part("train")
        return Dataset(
            name=self.name,
            input_shape=(2, size, size),
            classes=len(self.class_names),
            temporal=True,
            train=train.samples,
            load_test=lambda: part("test").samples,
            class_names=self.class_names,
            fingerprint=train.fingerprint,
        )
