"""Keeps freed memory in the process, so that a training step reuses pages instead of asking for them again."""

from __future__ import annotations

import ctypes
import platform

MIB = 2**20
# glibc's malloc.h: the parameter's number, and the value to set.
_PARAMETERS = {
    -3: 1024 * MIB,  # M_MMAP_THRESHOLD: only larger blocks are mapped, and unmapped when freed
    -1: 2047 * MIB,  # M_TRIM_THRESHOLD: free memory at the end of the heap that is kept
    -2: 64 * MIB,  # M_TOP_PAD: by how much the heap grows at a time
}
# Older versions refuse a higher threshold.
_LOWER_MMAP_THRESHOLD = 32 * MIB


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for reuse, from now on and for this process; says whether it could.

    Tensors of a training step are large, so by default each is mapped, zeroed page by page and unmapped. Call once at
    the start of a process that trains. Costs resident memory: the process keeps its highest use. Does nothing, and
    returns ``False``, where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    accepted = [bool(mallopt(number, value)) for number, value in _PARAMETERS.items()]
    if not accepted[0]:
        accepted[0] = bool(mallopt(-3, _LOWER_MMAP_THRESHOLD))
    return all(accepted)
