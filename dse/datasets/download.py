"""Fetching a data file: resumed where it broke off, verified before it takes its place, one sentence where it fails."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import urllib.error
import urllib.request
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cost_models import InputError

CHUNK_BYTES = 1 << 16
ATTEMPTS_PER_SOURCE = 5
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as its publisher made it: the addresses that offer it, its size in bytes and its SHA-256 digest."""

    name: str
    addresses: tuple[str, ...]
    size: int
    sha256: str


class TransferError(Exception):
    """One attempt failed; the message is the reason, and what arrived so far is kept for the next attempt."""


def download(file: RemoteFile, folder: Path, *, show_progress: bool = True) -> Path:
    """Put ``file`` into ``folder`` and return its path; a file that is there already is left as it is.

    Bytes gather in ``NAME.part`` beside the target and continue from there after a break, also in a later run. Only the
    verified file gets the name. Raises :class:`cost_models.InputError` naming file, folder and address otherwise.
    """
    target = folder / file.name
    if target.exists():
        return target
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    lock = folder / f".{file.name}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            return target if target.exists() else _from_any_source(file, target, show_progress)
    except InputError:
        if made and not _part(target).exists():
            lock.unlink(missing_ok=True)
            _remove_empty(made)
        raise
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror or error}; choose another data folder"
        ) from error


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders made in vain, the innermost first; one that is in use by now stays, and so do those around it."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _from_any_source(file: RemoteFile, target: Path, show_progress: bool) -> Path:
    part = _part(target)
    reasons = []
    with _progress(file, show_progress) as progress:
        for address in file.addresses:
            for _ in range(ATTEMPTS_PER_SOURCE):
                held = _size(part)
                try:
                    _continue_transfer(file, address, part, progress)
                    _verify(file, part)
                except TransferError as error:
                    reason = f"{address}: {error}"
                    # Again only where that may help: more has arrived, or old bytes that did not fit are gone.
                    if _size(part) > held or (held and not _size(part)):
                        continue
                    break
                part.replace(target)
                return target
            reasons.append(reason)
    raise InputError(
        f"{file.name} is not in {target.parent} and could not be downloaded ({'; '.join(reasons)}); "
        "put the file there, or run this where there is internet"
    )


def _continue_transfer(file: RemoteFile, address: str, part: Path, progress: Progress | None) -> None:
    """Append to ``part`` what is missing of the file; leave it with exactly ``file.size`` bytes or raise."""
    held = _size(part)
    if held > file.size:
        part.unlink()
        held = 0
    if held == file.size:
        return
    request = urllib.request.Request(address, headers={"User-Agent": "spikefront", "Accept-Encoding": "identity"})
    if held:
        request.add_header("Range", f"bytes={held}-")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            if held and not _continues_at(response, held):
                held = 0
            with part.open("r+b" if held else "wb") as stream:
                stream.seek(held)
                stream.truncate()
                while chunk := response.read(CHUNK_BYTES):
                    stream.write(chunk)
                    held += len(chunk)
                    if progress is not None:
                        progress.update(progress.task_ids[0], completed=held)
                    if held > file.size:
                        break
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        with error:
            raise TransferError(f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise TransferError(f"no connection, {error.reason}") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise TransferError(f"the connection broke, {error or type(error).__name__}") from error
    if held > file.size:
        part.unlink()
        raise TransferError(f"what the server sends is longer than the {file.size} bytes of this file")
    if held < file.size:
        raise TransferError(f"the connection ended after {held} of {file.size} bytes")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _continues_at(response: http.client.HTTPResponse, position: int) -> bool:
    described = response.headers.get("Content-Range", "")
    return response.status == http.client.PARTIAL_CONTENT and described.startswith(f"bytes {position}-")


def _verify(file: RemoteFile, part: Path) -> None:
    """Raise and remove ``part`` unless it is the published file, byte for byte."""
    with part.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != file.sha256:
        part.unlink()
        raise TransferError(
            f"the checksum of what arrived is wrong, sha256 {digest[:12]}... instead of {file.sha256[:12]}..."
        )


def _progress(file: RemoteFile, show: bool) -> AbstractContextManager[Progress | None]:
    if not show:
        return nullcontext()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    progress = Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True))
    progress.add_task(file.name, total=file.size)
    return progress
