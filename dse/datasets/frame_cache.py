"""Frames of event data, rendered once, kept as files and memory-mapped from then on."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from rich.console import Console
from rich.progress import track

from cost_models import InputError
from dse.datasets.dataset import LoadOptions, Samples
from dse.datasets.events import DamagedRecordingError
from dse.datasets.frames import Rendering
from dse.datasets.recordings import Recording
from studies.study import REACTIONS

LAYOUT = 1  # part of every key: raise it when what is stored changes
INPUTS, TARGETS, ABOUT = "inputs.u8", "targets.i64", "about.json"


@dataclass(frozen=True, slots=True)
class CachedFrames:
    """Samples on disk, a digest of their content, and the messages about recordings that were left out."""

    samples: Samples
    fingerprint: str
    left_out: tuple[str, ...]


def cached_frames(
    name: str, recordings: Sequence[Recording], rendering: Rendering, options: LoadOptions
) -> CachedFrames:
    """The frames of these recordings, from the cache or rendered into it.

    The key covers the recordings' names and stamps and the rendering; a cache that cannot be read is rendered again. A
    damaged recording raises :class:`DamagedRecordingError`, or is left out with a warning, as ``options.corrupt``
    says.
    """
    if options.corrupt not in REACTIONS:
        raise InputError(f"corrupt is {options.corrupt!r}; damaged recordings are met by: {', '.join(REACTIONS)}")
    stamps = [(recording.name, recording.stamp) for recording in recordings]
    key = hashlib.sha256(repr((LAYOUT, name, rendering, options.corrupt, stamps)).encode()).hexdigest()[:32]
    home = options.cache_root / "frames"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / f".{key}.lock"):
            found = _map(home / key, rendering)
            if found is None:
                _render(name, recordings, rendering, options.corrupt, home / key)
                found = _map(home / key, rendering)
    except OSError as error:
        raise InputError(f"{home} cannot be written: {error.strerror or error}; choose another cache folder") from error
    if found is None:
        raise InputError(f"{home / key} cannot be read back; choose another cache folder")
    if found.left_out:
        warnings.warn(f"{name}: {len(found.left_out)} damaged left out: {'; '.join(found.left_out)}", stacklevel=2)
    return found


def _map(folder: Path, rendering: Rendering) -> CachedFrames | None:
    """What the folder holds, without reading the frames; None unless it is whole."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        count, fingerprint, left_out = int(about["count"]), str(about["fingerprint"]), tuple(about["left_out"])
        targets = np.fromfile(folder / TARGETS, np.int64)
        if len(targets) != count or (folder / INPUTS).stat().st_size != count * int(np.prod(rendering.shape)):
            return None
        # Copy on write: torch wants a writable array, and nobody's writing may reach the file.
        frames = np.memmap(folder / INPUTS, np.uint8, mode="c", shape=(count, *rendering.shape))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return CachedFrames(
        Samples(torch.from_numpy(frames), torch.from_numpy(targets), temporal=True), fingerprint, left_out
    )


def _render(name: str, recordings: Sequence[Recording], rendering: Rendering, corrupt: str, folder: Path) -> None:
    building = folder.with_name(f".{folder.name}.building")
    for leftover in (folder, building):
        shutil.rmtree(leftover, ignore_errors=True)
    building.mkdir()
    try:
        _write(name, recordings, rendering, corrupt, building)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write(name: str, recordings: Sequence[Recording], rendering: Rendering, corrupt: str, folder: Path) -> None:
    digest = hashlib.sha256(repr((name, rendering)).encode())
    targets: list[int] = []
    left_out: list[str] = []
    console = Console(stderr=True)
    with (folder / INPUTS).open("wb") as stream:
        for recording in track(recordings, f"{name}: frames", console=console, transient=True):
            try:
                samples = recording.cut()
            except DamagedRecordingError as error:
                if corrupt == "refuse":
                    raise DamagedRecordingError(
                        f"{name}: {error}; replace it, remove it or choose to skip it"
                    ) from error
                left_out.append(str(error))
                continue
            for label, events in samples:
                frames = rendering.frames(events).tobytes()
                digest.update(frames)
                stream.write(frames)
                targets.append(label)
    if not targets:
        raise InputError(f"{name}: none of the {len(recordings)} recordings can be used: {'; '.join(left_out[:3])}")
    labels = np.array(targets, np.int64)
    labels.tofile(folder / TARGETS)
    digest.update(labels.tobytes())
    about = {"count": len(targets), "fingerprint": digest.hexdigest(), "left_out": left_out}
    (folder / ABOUT).write_text(json.dumps(about))
