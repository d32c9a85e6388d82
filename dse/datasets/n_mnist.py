"""N-MNIST: the handwritten digits of MNIST as an event camera saw them during three small movements."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from dse.datasets.event_dataset import EventData
from dse.datasets.events import Events, read_bin
from dse.datasets.recordings import RecordedFile, Recording, absent, find_place, list_files

FOLDERS = ("n-mnist", "n_mnist", "N-MNIST", "NMNIST")
SENSOR = (34, 34)
ADDRESS = "https://www.garrickorchard.com/datasets/n-mnist"


def recordings(data_root: Path, part: str, stack: ExitStack) -> list[Recording]:
    """``Train`` or ``Test``, a zip archive or a folder, with ``<label>/<number>.bin``, in the order of the numbers."""
    name = part.capitalize()
    place = find_place(data_root, FOLDERS, (name, f"{name}.zip"))
    if place is None:
        raise absent("n_mnist", f"{name}.zip or the folder {name} is", data_root / FOLDERS[0], ADDRESS)
    files = list_files(place, r"([0-9])/([0-9]+)\.bin", stack)
    if not files:
        raise absent("n_mnist", f"recordings {name}/<label>/<number>.bin are", place, ADDRESS)
    files.sort(key=lambda file: (int(file.found[1]), file.found[0]))
    return [Recording(file.name, file.stamp, partial(_cut, file)) for file in files]


def _cut(file: RecordedFile) -> list[tuple[int, Events]]:
    return [(int(file.found[0]), read_bin(file.read(), file.name, SENSOR))]


N_MNIST = EventData(
    name="n_mnist",
    description="events of handwritten digits, 60000 + 10000 recordings of 2x34x34 over 0.3 s",
    source="G. Orchard et al., Converting static image datasets to spiking neuromorphic datasets using saccades, 2015",
    licence="CC BY-SA 4.0",
    sensor=SENSOR,
    frame_size=34,
    time_steps=6,
    cap=7,
    class_names=tuple(str(digit) for digit in range(10)),
    recordings=recordings,
).entry()
