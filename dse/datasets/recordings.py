"""Recordings of event data in folders and zip archives: listed by pattern, read one by one."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cost_models import InputError
from dse.datasets.events import DamagedRecordingError, Events
from dse.datasets.files import damaged


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file: its ``name`` in messages, what the pattern found in it, a ``stamp`` of its content, and its bytes."""

    name: str
    found: tuple[str, ...]
    stamp: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording and how it is cut into labelled samples; ``cut`` raises :class:`DamagedRecordingError` alone."""

    name: str
    stamp: str
    cut: Callable[[], Sequence[tuple[int, Events]]]


def list_files(place: Path, pattern: str, stack: ExitStack) -> list[RecordedFile]:
    """The files of a folder or a zip archive whose path inside it ends as ``pattern`` says, sorted by that path.

    An archive stays open until ``stack`` closes; one that cannot be opened raises :class:`cost_models.InputError`.
    """
    ending = re.compile(f"(?:^|/){pattern}$")
    if place.is_dir():
        return _files_of_folder(place, ending)
    try:
        archive = stack.enter_context(zipfile.ZipFile(place))
    except (zipfile.BadZipFile, OSError) as error:
        raise damaged(place, f"it cannot be opened as a zip archive ({error})") from error
    return [
        RecordedFile(
            f"{place.name}: {member.filename}", match.groups(), f"{member.CRC:08x}", partial(_unzip, archive, member)
        )
        for member in sorted(archive.infolist(), key=lambda member: member.filename)
        if (match := ending.search(member.filename))
    ]


def _files_of_folder(folder: Path, ending: re.Pattern[str]) -> list[RecordedFile]:
    files = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        match = ending.search(inside)
        if match and path.is_file():
            status = path.stat()
            stamp = f"{status.st_size} {status.st_mtime_ns}"
            files.append(RecordedFile(f"{folder.name}/{inside}", match.groups(), stamp, partial(_read, path)))
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedRecordingError(f"{path} cannot be read: {error.strerror or error}") from error


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DamagedRecordingError(f"{archive.filename}: {member.filename} cannot be unpacked ({error})") from error


def find_place(data_root: Path, folders: Sequence[str], names: Sequence[str]) -> Path | None:
    """The first folder or archive of one of these names in one of these folders of the data root."""
    candidates = (data_root / folder / name for folder in folders for name in names)
    return next((place for place in candidates if place.exists()), None)


def absent(dataset: str, what: str, folder: Path, address: str) -> InputError:
    """The error for event data that are not there: they are large and not offered for automatic download."""
    return InputError(f"{dataset}: {what} not found in {folder}; get the data from {address} and put them there")
