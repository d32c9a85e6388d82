"""The folder of an export: written whole or not at all, and checked file by file when it is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cost_models import InputError

MANIFEST = "export.json"
LAYOUT = 1


def write_folder(folder: Path, fill: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    """Let ``fill`` write into a new folder, add the manifest that it returns, and put it in place in one step.

    An earlier export in its place is replaced; anything else there is refused with :class:`InputError`.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{str(folder)!r} exists and is no export; name a new folder")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True)
        manifest = {"layout": LAYOUT, **fill(draft)}
        manifest["files"] = {path.name: _digest(path) for path in sorted(draft.iterdir())}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        _replace(folder, draft)
    except OSError as error:
        raise InputError(f"cannot write {str(folder)!r}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def read_folder(folder: Path) -> dict[str, Any]:
    """The manifest, after each file that it names was found to be as it was written."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        layout = manifest["layout"]
    except FileNotFoundError:
        raise InputError(f"{str(folder)!r} holds no {MANIFEST}; name a folder that dse export wrote") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path} is damaged; export the trial again") from None
    if layout != LAYOUT:
        raise InputError(f"{path} has layout {layout}; this version reads layout {LAYOUT}")
    for name, digest in files.items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise InputError(f"{folder / name} is absent or not what was exported; export the trial again")
    return dict(manifest)


def _replace(folder: Path, draft: Path) -> None:
    earlier = folder.with_name(f".{folder.name}.{os.getpid()}.earlier")
    if folder.exists():
        folder.rename(earlier)
    draft.rename(folder)
    shutil.rmtree(earlier, ignore_errors=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
