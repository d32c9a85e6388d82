"""Seeds derived from the study's seed: the same study draws the same numbers, resumed or not."""

from __future__ import annotations

import hashlib


def derive_seed(study_seed: int, purpose: str, number: int) -> int:
    """A seed in [0, 2**31) for one purpose and one number (a trial, say), independent of every other.

    >>> derive_seed(0, "training", 1) == derive_seed(0, "training", 1)
    True
    >>> derive_seed(0, "training", 1) == derive_seed(0, "proposal", 1)
    False
    """
    digest = hashlib.blake2b(f"{study_seed}/{purpose}/{number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
