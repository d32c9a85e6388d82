"""Native event files: the two real samples, and written ones for every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.datasets.events import (
    DamagedRecordingError,
    Events,
    read_aedat2,
    read_aedat3,
    read_bin,
    read_dat,
)
from tests.dse.datasets.event_writers import Event, packet, write_aedat2, write_aedat3, write_bin, write_dat

Reader = Callable[..., Events]
FORMATS: dict[str, tuple[Reader, Callable[..., bytes]]] = {
    "bin": (read_bin, write_bin),
    "aedat2": (read_aedat2, write_aedat2),
    "aedat3": (read_aedat3, write_aedat3),
    "dat": (read_dat, write_dat),
}
FEW: list[Event] = [(3, 4, 1, 10), (127, 0, 0, 20), (0, 127, 1, 1 << 22)]
every_format = pytest.mark.parametrize("form", FORMATS)


def recorded(columns: int, rows: int, microseconds: int) -> st.SearchStrategy[list[Event]]:
    event = st.tuples(
        st.integers(0, columns - 1), st.integers(0, rows - 1), st.integers(0, 1), st.integers(0, microseconds - 1)
    )
    return st.lists(event, min_size=1, max_size=20)


def listed(events: Events) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in (events.x, events.y, events.polarity, events.time)), strict=True))


def test_the_real_n_mnist_sample_has_the_published_counts(data_root: Path) -> None:
    events = read_bin((data_root / "event-samples" / "sample_nmnist.bin").read_bytes(), "sample", (34, 34))
    assert np.bincount(events.polarity).tolist() == [2180, 2145]
    assert events.time[-1] == 311175


def test_the_real_n_cars_sample_has_the_published_counts(data_root: Path) -> None:
    events = read_dat((data_root / "event-samples" / "sample_ncars.dat").read_bytes(), "sample", (240, 304))
    assert np.bincount(events.polarity).tolist() == [659, 1350]
    assert (events.x.max(), events.y.max(), events.time[-1]) == (77, 41, 99952)


@given(recorded(256, 240, 1 << 23))
def test_bin_recordings_come_back_as_written(events: list[Event]) -> None:
    assert listed(read_bin(write_bin(events), "made")) == events


@given(recorded(128, 128, 1 << 31))
def test_aedat2_recordings_come_back_as_written(events: list[Event]) -> None:
    assert listed(read_aedat2(write_aedat2(events), "made", (128, 128))) == events


@given(recorded(1 << 15, 1 << 15, 1 << 36), st.integers(1, 5), st.integers(0, 2), st.booleans())
def test_aedat3_recordings_come_back_as_written(
    events: list[Event], packet_length: int, spare: int, others: bool
) -> None:
    content = write_aedat3(events, packet_length, spare=spare, others=others)
    assert listed(read_aedat3(content, "made")) == events


@given(recorded(1 << 14, 1 << 14, 1 << 32))
def test_dat_recordings_come_back_as_written(events: list[Event]) -> None:
    assert listed(read_dat(write_dat(events), "made")) == events


@given(st.lists(st.one_of(st.none(), recorded(34, 34, 8192).map(lambda events: events[0])), min_size=1, max_size=20))
def test_an_overflow_marker_moves_all_later_events_and_vanishes(rows: list[Event | None]) -> None:
    turns, expected = 0, []
    for row in rows:
        if row is None:
            turns += 1
        else:
            expected.append((*row[:3], row[3] + 8192 * turns))
    content = write_bin([(0, 240, 0, 0) if row is None else row for row in rows])
    if expected:
        assert listed(read_bin(content, "made", (34, 34))) == expected
    else:
        with pytest.raises(DamagedRecordingError, match="made is empty"):
            read_bin(content, "made")


def test_a_clock_of_32_bits_goes_on_after_its_end() -> None:
    events = [(1, 2, 1, 2**32 - 5), (1, 2, 1, 2**32 + 7), (1, 2, 0, 2**32 + 8)]
    assert read_aedat2(write_aedat2(events), "made").time.tolist() == [2**32 - 5, 2**32 + 7, 2**32 + 8]


@pytest.mark.parametrize("bit", [15, 31])
def test_markers_among_aedat2_addresses_are_dropped(bit: int) -> None:
    content = write_aedat2(FEW[:1]) + (1 << bit).to_bytes(4, "big") + bytes(4)
    assert listed(read_aedat2(content, "made")) == FEW[:1]


def test_events_that_aedat3_calls_invalid_are_dropped() -> None:
    content = write_aedat3(FEW[:1]) + packet(1, bytes(8), number=1)
    assert listed(read_aedat3(content, "made")) == FEW[:1]


@every_format
def test_a_truncated_recording_is_named(form: str) -> None:
    reader, writer = FORMATS[form]
    with pytest.raises(DamagedRecordingError, match="made is truncated"):
        reader(writer(FEW)[:-3], "made")


@every_format
def test_an_empty_recording_is_named(form: str) -> None:
    reader, writer = FORMATS[form]
    for content in (b"", writer([])):
        with pytest.raises(DamagedRecordingError, match="made is "):
            reader(content, "made")


@every_format
def test_an_event_beside_the_sensor_is_named(form: str) -> None:
    reader, writer = FORMATS[form]
    with pytest.raises(DamagedRecordingError, match=r"made is damaged.*outside the sensor"):
        reader(writer(FEW), "made", (100, 128))


@pytest.mark.parametrize("form", ["aedat2", "aedat3", "dat"])
def test_a_recording_of_another_form_is_named(form: str) -> None:
    with pytest.raises(DamagedRecordingError, match="made is not"):
        FORMATS[form][0](b"GIF89a" * 8, "made")


def test_a_packet_that_contradicts_itself_is_named() -> None:
    broken = write_aedat3(FEW[:1]) + packet(1, bytes(12), number=1, size=12)
    with pytest.raises(DamagedRecordingError, match="contradicts itself"):
        read_aedat3(broken, "made")


def test_a_clock_that_jumps_by_days_is_named() -> None:
    with pytest.raises(DamagedRecordingError, match="clock jumps"):
        read_aedat3(write_aedat3([(1, 1, 1, 0), (1, 1, 1, 1 << 41)]), "made")


@every_format
@given(st.data())
def test_no_damage_ends_in_anything_but_events_or_a_named_recording(form: str, data: st.DataObject) -> None:
    reader, writer = FORMATS[form]
    content = bytearray(writer(FEW))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    said = ""
    try:
        reader(bytes(content[:cut]), "made", (128, 128))
    except DamagedRecordingError as error:
        said = str(error)
    assert said == "" or said.startswith("made is ")
