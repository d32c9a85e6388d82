"""DVS128 Gesture: hand and arm movements of 29 people in front of an event camera."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from cost_models import InputError
from dse.datasets.event_dataset import EventData
from dse.datasets.events import DamagedRecordingError, Events, read_aedat3
from dse.datasets.recordings import Recording, absent, find_place

FOLDERS = ("dvs128-gesture", "dvs128_gesture", "DVS128Gesture", "DvsGesture", ".")
SENSOR = (128, 128)
ADDRESS = "https://research.ibm.com/interactive/dvsgesture"
CLASS_NAMES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter clockwise",
    "left arm clockwise",
    "left arm counter clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)


def recordings(data_root: Path, part: str, stack: ExitStack) -> list[Recording]:
    """The recordings that ``trials_to_train.txt`` or ``trials_to_test.txt`` names, in its order.

    Beside ``<trial>.aedat`` lies ``<trial>_labels.csv`` with the class (1 to 11), start and end in microseconds of each
    gesture; a recording gives one sample for each.
    """
    list_name = f"trials_to_{part}.txt"
    listing = find_place(data_root, FOLDERS, (list_name, f"DvsGesture/{list_name}"))
    if listing is None:
        raise absent("dvs128_gesture", f"{list_name} is", data_root / FOLDERS[0], ADDRESS)
    try:
        names = [line.strip() for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{listing} cannot be read: {error}") from error
    if not names:
        raise InputError(f"{listing} names no recordings; replace it by the published one")
    return [_recording(listing.parent, name) for name in names]


def _recording(folder: Path, name: str) -> Recording:
    events, labels = folder / name, folder / f"{Path(name).stem}_labels.csv"
    return Recording(name, f"{_stamp(events)}, {_stamp(labels)}", partial(_cut, events, labels))


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"


def _cut(recording: Path, labels: Path) -> list[tuple[int, Events]]:
    gestures = _gestures(labels)
    try:
        content = recording.read_bytes()
    except OSError as error:
        raise DamagedRecordingError(f"{recording.name} cannot be read: {error.strerror or error}") from error
    events = read_aedat3(content, recording.name, SENSOR)
    samples = []
    for label, start, end in gestures:
        during = events.between(start, end)
        if not len(during):
            raise DamagedRecordingError(
                f"{recording.name} holds no events from {start} to {end} us, where {labels.name} has one"
            )
        samples.append((label, during))
    return samples


def _gestures(labels: Path) -> list[tuple[int, int, int]]:
    """(class from 0, start, end in microseconds) of each line."""
    try:
        with labels.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        gestures = [(int(row["class"]) - 1, int(row["startTime_usec"]), int(row["endTime_usec"])) for row in rows]
    except OSError as error:
        raise DamagedRecordingError(f"{labels.name} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise DamagedRecordingError(
            f"{labels.name} is damaged: its lines are class,startTime_usec,endTime_usec"
        ) from error
    for label, start, end in gestures:
        if not 0 <= label < len(CLASS_NAMES) or start >= end:
            raise DamagedRecordingError(f"{labels.name} is damaged: it has class {label + 1} from {start} to {end} us")
    if not gestures:
        raise DamagedRecordingError(f"{labels.name} is empty: it names no gestures")
    return gestures


DVS128_GESTURE = EventData(
    name="dvs128_gesture",
    description="events of 11 gestures, 1176 + 288 samples of 2x128x128 over some 6 s, brought to 2x48x48",
    source="A. Amir et al., A low power, fully event-based gesture recognition system, 2017",
    licence="CC BY 4.0",
    sensor=SENSOR,
    frame_size=48,
    time_steps=10,
    cap=255,
    class_names=CLASS_NAMES,
    recordings=recordings,
).entry()
