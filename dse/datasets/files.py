"""Finding and unpacking the files of a data set; damage is named in one sentence."""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from cost_models import InputError

UNPACKERS = {".gz": gzip.decompress, ".xz": lzma.decompress}


def first_existing(folders: Iterable[Path], names: Iterable[str]) -> Path | None:
    """The first of ``names`` in the first of ``folders`` that has one; None if there is none."""
    candidates = (folder / name for folder in folders for name in names)
    return next((path for path in candidates if path.is_file()), None)


def read_unpacked(path: Path) -> bytes:
    """All bytes of a file, unpacked if its name ends in .gz or .xz.

    Raises :class:`cost_models.InputError` naming the file if it cannot be read or unpacked to its end.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if path.suffix not in UNPACKERS:
        return content
    try:
        return UNPACKERS[path.suffix](content)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, struct.error) as error:
        raise damaged(path, f"it cannot be unpacked to its end ({error})") from error


def damaged(path: Path | str, what: str) -> InputError:
    """The error for a file whose content is not what its name promises."""
    return InputError(f"{path} is damaged: {what}; replace it, or remove it to have it downloaded")
