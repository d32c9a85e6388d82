"""Events of a vision sensor, and the native files that hold them.

Readers take the bytes of one recording and its name; a recording that is truncated, empty or not of its form raises
:class:`DamagedRecordingError` naming it, and nothing else. Sensors are given as (height, width) in pixels, times are
microseconds, polarity is 1 where the light grew and 0 where it fell. Events stay in the order of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cost_models import InputError

Integers = npt.NDArray[np.int64]
OVERFLOW_ROW = 240  # .bin: an event in this row is no event; the 13-bit clock of the recorder went round
OVERFLOW_MICROSECONDS = 1 << 13
AEDAT2_EVENT = 1 << 31 | 1 << 15  # AEDAT 2.0: an address with one of these bits is a marker or a measured value
AEDAT3_PACKET = struct.Struct("<HHIIIIII")
AEDAT3_POLARITY = 1
LONGEST_MICROSECONDS = 1 << 40  # twelve days: no recording is longer, a broken clock is


class DamagedRecordingError(InputError):
    """One recording cannot be used: it is truncated, empty or not of its form. Others may be fine."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Columns of equal length: where (``x`` to the right, ``y`` downwards), which way, and when each event was."""

    x: Integers
    y: Integers
    polarity: Integers
    time: Integers

    def __len__(self) -> int:
        return len(self.time)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Events:
        """The events at which ``chosen`` is true, in the same order."""
        return Events(self.x[chosen], self.y[chosen], self.polarity[chosen], self.time[chosen])

    def between(self, start: int, end: int) -> Events:
        """The events at ``start`` microseconds or later and before ``end``."""
        return self.only((self.time >= start) & (self.time < end))


def read_bin(content: bytes, name: str, sensor: tuple[int, int] | None = None) -> Events:
    """Events of an N-MNIST or N-Caltech101 ``.bin`` recording.

    Five bytes each, big-endian: x, y, then one bit of polarity and 23 bits of time. An event in row 240 marks an
    overflow: 8192 us are added to all later ones and the marker is dropped. Source: G. Orchard et al., Converting
    static image datasets to spiking neuromorphic datasets using saccades, 2015.
    """
    rows = _records(content, name, np.dtype((np.uint8, 5))).astype(np.int64)
    x, y = rows[:, 0], rows[:, 1]
    time = (rows[:, 2] & 127) << 16 | rows[:, 3] << 8 | rows[:, 4]
    marker = y == OVERFLOW_ROW
    time = time + np.cumsum(marker) * OVERFLOW_MICROSECONDS
    return _checked(Events(x, y, rows[:, 2] >> 7, time).only(~marker), name, sensor)


def read_aedat2(content: bytes, name: str, sensor: tuple[int, int] | None = None) -> Events:
    """Events of a DVS128 recording in AEDAT 2.0 (CIFAR10-DVS).

    Lines that start with ``#``, then big-endian pairs of 32-bit address and time. Bit 0 of an address is 1 where the
    light fell, bits 1 to 7 count columns from the right and bits 8 to 14 rows from the bottom, so that pictures come
    upright as the sensor's own viewer shows them. Addresses with bit 15 or bit 31 are markers and are dropped. A clock
    that runs past 32 bits goes on. Source: jAER, class DVS128.
    """
    body = _after_header(content, name, b"#!AER-DAT2.0")
    pairs = _records(body, name, np.dtype((">u4", 2))).astype(np.int64)
    address, clock = pairs[:, 0], pairs[:, 1]
    turns = np.cumsum(np.diff(clock, prepend=clock[:1]) < -(1 << 31))
    x, y = 127 - (address >> 1 & 127), 127 - (address >> 8 & 127)
    events = Events(x, y, 1 - (address & 1), clock + (turns << 32))
    return _checked(events.only(address & AEDAT2_EVENT == 0), name, sensor)


def read_aedat3(content: bytes, name: str, sensor: tuple[int, int] | None = None) -> Events:
    """Polarity events of a recording in AEDAT 3.1 (DVS128 Gesture).

    Header lines up to ``#!END-HEADER``, then little-endian packets: 28 bytes of header (type, source, size of an
    event, offset of its time, overflows of the 31-bit clock, capacity, number, number valid) and ``capacity`` events.
    An event of type 1 is 32 bits of data (bit 0 valid, bit 1 polarity, bits 2-16 y, bits 17-31 x) and 32 bits of time.
    Packets of other types and events that are not valid are dropped. Source: A. Amir et al., A low power, fully
    event-based gesture recognition system, 2017 (its file notes).
    """
    end = content.find(b"#!END-HEADER")
    if not content.startswith(b"#!AER-DAT3.1") or end < 0:
        raise DamagedRecordingError(f"{name} is not an AEDAT 3.1 recording: its header is missing or has no end")
    position = content.find(b"\n", end) + 1 or len(content)
    words, clocks = [], []
    while position < len(content):
        if position + AEDAT3_PACKET.size > len(content):
            raise DamagedRecordingError(
                f"{name} is truncated: it ends inside the header of a packet at byte {position}"
            )
        kind, _, size, offset, overflow, capacity, number, _ = AEDAT3_PACKET.unpack_from(content, position)
        position += AEDAT3_PACKET.size
        if number > capacity or overflow >> 31 or (kind == AEDAT3_POLARITY and (size, offset) != (8, 4)):
            raise DamagedRecordingError(f"{name} is damaged: the packet before byte {position} contradicts itself")
        if position + size * capacity > len(content):
            raise DamagedRecordingError(f"{name} is truncated: it ends inside the packet at byte {position}")
        if kind == AEDAT3_POLARITY:
            pairs = np.frombuffer(content, "<u4", 2 * number, position).reshape(-1, 2).astype(np.int64)
            words.append(pairs[:, 0])
            clocks.append(pairs[:, 1] | overflow << 31)
        position += size * capacity
    word, clock = (np.concatenate(parts or [np.zeros(0, np.int64)]) for parts in (words, clocks))
    return _checked(Events(word >> 17, word >> 2 & 0x7FFF, word >> 1 & 1, clock).only(word & 1 == 1), name, sensor)


def read_dat(content: bytes, name: str, sensor: tuple[int, int] | None = None) -> Events:
    """Events of a Prophesee ``.dat`` recording (N-CARS, Gen1).

    Lines that start with ``%``, two bytes (type and size of an event), then little-endian pairs of 32-bit time and
    data: bits 0-13 x, bits 14-27 y, bit 28 polarity. Source: Prophesee, DAT file format.
    """
    body = _after_header(content, name, b"%")
    if len(body) < 2 or body[1] != 8:
        raise DamagedRecordingError(f"{name} is not a DAT recording of 8-byte events: nothing says so after its header")
    pairs = _records(body[2:], name, np.dtype(("<u4", 2))).astype(np.int64)
    time, data = pairs[:, 0], pairs[:, 1]
    return _checked(Events(data & 0x3FFF, data >> 14 & 0x3FFF, data >> 28 & 1, time), name, sensor)


def _after_header(content: bytes, name: str, start: bytes) -> bytes:
    """What follows the lines that begin like the first byte of ``start``, with which the recording must begin."""
    if not content:
        raise DamagedRecordingError(f"{name} is empty")
    if not content.startswith(start):
        raise DamagedRecordingError(f"{name} is not of its form: it does not start with {start.decode()}")
    position = 0
    while content[position : position + 1] == start[:1]:
        position = content.find(b"\n", position) + 1
        if position == 0:
            raise DamagedRecordingError(f"{name} is truncated: it ends inside its header")
    return content[position:]


def _records(content: bytes, name: str, record: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    if not content:
        raise DamagedRecordingError(f"{name} is empty: it holds no events")
    if len(content) % record.itemsize:
        raise DamagedRecordingError(f"{name} is truncated: it ends inside an event ({len(content)} bytes of events)")
    return np.frombuffer(content, record)


def _checked(events: Events, name: str, sensor: tuple[int, int] | None) -> Events:
    if not len(events):
        raise DamagedRecordingError(f"{name} is empty: it holds no events")
    if events.time.max() - events.time.min() >= LONGEST_MICROSECONDS:
        raise DamagedRecordingError(f"{name} is damaged: its clock jumps by days")
    if sensor is not None and (events.y.max() >= sensor[0] or events.x.max() >= sensor[1]):
        raise DamagedRecordingError(
            f"{name} is damaged: it has an event at column {events.x.max()}, row {events.y.max()} or nearer, outside "
            f"the sensor of {sensor[1]} columns and {sensor[0]} rows"
        )
    return events
