"""CIFAR10-DVS: images of CIFAR-10 as an event camera saw them moving on a screen."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from dse.datasets.cifar import CLASS_NAMES
from dse.datasets.event_dataset import EventData
from dse.datasets.events import Events, read_aedat2
from dse.datasets.recordings import RecordedFile, Recording, absent, find_place, list_files

FOLDERS = ("cifar10-dvs", "cifar10_dvs", "CIFAR10DVS", "CIFAR10-DVS")
SENSOR = (128, 128)
ADDRESS = "https://doi.org/10.6084/m9.figshare.4724671"
TEST_SHARE = 10  # one in ten; there is no official split


def recordings(data_root: Path, part: str, stack: ExitStack) -> list[Recording]:
    """``<class>`` folders or ``<class>.zip`` archives with ``cifar10_<class>_<number>.aedat``.

    The last tenth of each class by number is the test part (of the whole set: 900 and 100 a class). Source of the
    split: X. Shi et al., Towards energy efficient spiking neural networks: an unstructured pruning framework, ICLR
    2024.
    """
    listed = []
    for label, name in enumerate(CLASS_NAMES):
        place = find_place(data_root, FOLDERS, (name, f"{name}.zip"))
        if place is None:
            raise absent("cifar10_dvs", f"{name}.zip or the folder {name} is", data_root / FOLDERS[0], ADDRESS)
        files = list_files(place, rf"cifar10_{name}_([0-9]+)\.aedat", stack)
        if len(files) < 2:
            raise absent("cifar10_dvs", f"two or more recordings cifar10_{name}_<number>.aedat are", place, ADDRESS)
        files.sort(key=lambda file: int(file.found[0]))
        cut = len(files) - max(1, len(files) // TEST_SHARE)
        chosen = files[:cut] if part == "train" else files[cut:]
        listed += [Recording(file.name, file.stamp, partial(_cut, file, label)) for file in chosen]
    return listed


def _cut(file: RecordedFile, label: int) -> list[tuple[int, Events]]:
    return [(label, read_aedat2(file.read(), file.name, SENSOR))]


CIFAR10_DVS = EventData(
    name="cifar10_dvs",
    description="events of moving CIFAR-10 images, 9000 + 1000 recordings of 2x128x128, brought to 2x48x48",
    source="H. Li et al., CIFAR10-DVS: an event-stream dataset for object classification, 2017",
    licence="CC BY 4.0",
    sensor=SENSOR,
    frame_size=48,
    time_steps=10,
    cap=255,
    class_names=CLASS_NAMES,
    recordings=recordings,
).entry()
