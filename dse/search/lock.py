"""Two runs of one study at the same time would evaluate the same trials twice: the second one is refused."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from cost_models import InputError

_SQLITE_FILE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]+)")


def lock_path(storage_url: str, study: str) -> Path | None:
    """The lock file of one study: beside the SQLite file, else in the temporary folder; None for a memory database."""
    digest = hashlib.blake2b(study.encode(), digest_size=4).hexdigest()
    slug = re.sub(r"[^\w.-]+", "-", study)[:40] + "-" + digest
    if storage_url.startswith("sqlite"):
        match = _SQLITE_FILE.match(storage_url)
        if match is None or match["path"].startswith(":memory:"):
            return None
        database = Path(match["path"].removeprefix("file:"))
        return database.with_name(f".{database.name}.{slug}.lock")
    storage = hashlib.blake2b(storage_url.encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"spikefront-{storage}-{slug}.lock"


@contextmanager
def only_run(storage_url: str, study: str) -> Iterator[None]:
    """Hold the study's lock, or raise :class:`InputError` naming the lock file where another run holds it.

    The operating system frees the lock of a process that dies; the file stays and is empty.
    """
    path = lock_path(storage_url, study)
    if path is None:
        yield
        return
    if not path.parent.is_dir():
        raise InputError(f"storage {storage_url}: there is no folder {path.parent}; create it first")
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InputError(
            f"study {study!r} is being run by another process (lock {path}); wait for it or stop it first"
        ) from None
    except OSError as error:
        raise InputError(
            f"storage {storage_url}: the lock {path} cannot be written ({error.strerror or error}); "
            "make its folder writable, or name another storage"
        ) from None
    try:
        yield
    finally:
        lock.release()
