"""The folder of an export: written whole or not at all, and checked file by file when it is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cost_models import InputError
from dse.export.manifest import LAYOUT, MANIFEST, check_manifest, read_manifest


def check_writable(folder: Path) -> Path:
    """The folder behind ``folder``, links followed, if an export may go there; :class:`InputError` otherwise.

    It does not exist, is empty, or holds an earlier export and nothing else: whatever else is there belongs to others.
    """
    try:
        target = folder.resolve()
        if target == Path.cwd() or target in Path.cwd().parents:
            raise InputError(f"{str(folder)!r} is the current folder, or holds it; name a new folder")
        if not target.exists():
            return target
        if not target.is_dir():
            raise InputError(f"{str(folder)!r} exists and is no folder; name a new folder")
        foreign = _foreign(target)
    except (OSError, RuntimeError) as error:
        raise InputError(f"cannot write {str(folder)!r}: {getattr(error, 'strerror', None) or error}") from None
    if foreign:
        raise InputError(
            f"{str(folder)!r} exists and is no export: it holds {foreign!r}, which would be lost; name a new folder"
        )
    return target


def write_folder(folder: Path, fill: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    """Let ``fill`` write into a new folder, add the manifest that it returns, and put it in place in one step.

    An earlier export in its place is replaced; anything else there is refused with :class:`InputError`.
    """
    target = check_writable(folder)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True)
        manifest = {"layout": LAYOUT, **fill(draft)}
        manifest["files"] = {path.name: _digest(path) for path in sorted(draft.iterdir())}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        check_writable(folder)  # it took a while
        _replace(target, draft)
    except OSError as error:
        raise InputError(f"cannot write {str(folder)!r}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def read_folder(folder: Path) -> dict[str, Any]:
    """The manifest, after each file that it names was found to be as it was written."""
    manifest = read_manifest(folder)
    if manifest["layout"] != LAYOUT:
        raise InputError(f"{folder / MANIFEST} has layout {manifest['layout']}; this version reads layout {LAYOUT}")
    for name, digest in manifest["files"].items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise InputError(f"{folder / name} is absent or not what was exported; export the trial again")
    return manifest


def _foreign(folder: Path) -> str:
    """The first thing in a folder that no export of ours put there; "" if there is none."""
    there = sorted(folder.iterdir())
    if not there:
        return ""
    try:
        manifest = read_manifest(folder)
        check_manifest(folder, manifest)
        ours = {MANIFEST, *manifest["files"]}
    except InputError:
        ours = set()
    strangers = [path.name for path in there if path.name not in ours or not path.is_file()]
    return next(iter(strangers), "")


def _replace(folder: Path, draft: Path) -> None:
    if not folder.exists():
        draft.rename(folder)
        return
    earlier = folder.with_name(f".{folder.name}.{os.getpid()}.earlier")
    ours = [path.name for path in folder.iterdir()]
    folder.rename(earlier)
    try:
        draft.rename(folder)
    except OSError:
        earlier.rename(folder)
        raise
    with suppress(OSError):  # what came in since stays
        for name in ours:
            (earlier / name).unlink()
        earlier.rmdir()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
