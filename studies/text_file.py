"""Text files that are written whole or not at all: reports, budgets, tables."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cost_models import InputError


def write_atomically(path: Path, text: str) -> None:
    """Write the whole text as UTF-8 or nothing, replacing an existing file in one step.

    A link stays a link; a device or a pipe is written to. Raises :class:`InputError` where that is impossible.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_text(text, encoding="utf-8")  # a device or a pipe cannot be replaced
        return
    if path.is_dir():
        raise InputError(f"cannot write {str(path)!r}: it is a folder; name a file")
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else str(error)
        raise InputError(f"cannot write {str(path)!r}: {reason}") from None
    finally:
        with contextlib.suppress(OSError):  # in place by now, or never made
            draft.unlink()
