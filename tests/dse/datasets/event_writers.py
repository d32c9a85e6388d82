"""Writers of the native event formats, from their published descriptions: the tests' own, apart from the readers."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Event = tuple[int, int, int, int]  # x, y, polarity, time


def write_bin(events: Sequence[Event]) -> bytes:
    return b"".join(bytes((x, y)) + (polarity << 23 | time).to_bytes(3, "big") for x, y, polarity, time in events)


def write_aedat2(events: Sequence[Event], comment: str = "# made by hand") -> bytes:
    header = f"#!AER-DAT2.0\r\n{comment}\r\n".encode()
    addresses = ((127 - y) << 8 | (127 - x) << 1 | (1 - polarity) for x, y, polarity, _ in events)
    clocks = (time % 2**32 for *_, time in events)
    return header + b"".join(struct.pack(">II", *pair) for pair in zip(addresses, clocks, strict=True))


def packet(kind: int, payload: bytes, *, number: int, overflow: int = 0, size: int = 8, spare: int = 0) -> bytes:
    header = struct.pack("<HHIIIIII", kind, 0, size, 4, overflow, number + spare, number, number)
    return header + payload + bytes(size * spare)


def write_aedat3(events: Sequence[Event], packet_length: int = 3, *, spare: int = 0, others: bool = False) -> bytes:
    """Packets of at most ``packet_length`` events with ``spare`` unused places; ``others``: other packets between."""
    content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"
    packets: list[list[Event]] = []
    for event in events:
        same_turn = packets and packets[-1][0][3] >> 31 == event[3] >> 31
        if not same_turn or len(packets[-1]) == packet_length:
            packets.append([])
        packets[-1].append(event)
    for part in packets:
        words = [(x << 17 | y << 2 | polarity << 1 | 1, time % 2**31) for x, y, polarity, time in part]
        payload = b"".join(struct.pack("<II", *word) for word in words)
        content += packet(1, payload, number=len(part), overflow=part[0][3] >> 31, spare=spare)
        if others:
            content += packet(0, bytes(24), number=2, size=12)
    return content


def write_dat(events: Sequence[Event]) -> bytes:
    header = b"% Data file containing Event2D events.\n% Version 2\n% end\n" + bytes((0, 8))
    return header + b"".join(struct.pack("<II", time, x | y << 14 | polarity << 28) for x, y, polarity, time in events)
