"""When weights go: the cubic ramp, cut into a limited number of choices."""

from __future__ import annotations

from cost_models import InputError


def cubic_ratio(target: float, progress: float, end: float) -> float:
    """The pruning ratio at ``progress`` (share of the training done): from 0 it rises fast, then slowly, to the target.

    target * (1 - (1 - progress / end)^3), constant from ``end`` on. Source: Zhu, Gupta, "To prune, or not to prune",
    2017, Eq. 1 with initial sparsity 0.

    >>> cubic_ratio(0.8, 0.3, 0.6), cubic_ratio(0.8, 0.9, 0.6)
    (0.7000000000000001, 0.8)
    """
    left = 1.0 - min(progress / end, 1.0)
    return target * (1.0 - left**3)


class Ramp:
    """At most ``updates`` choices of masks, spread evenly until the share ``end`` of the training is done.

    With ``updates = 1`` the pruning is one-shot, at ``end``. ``where`` and ``key`` name the option for messages.

    >>> ramp = Ramp("method.magnitude", end=0.5, updates=2)
    >>> [ramp.advance(share) for share in (0.1, 0.25, 0.4, 0.6, 0.9)]
    [None, 0.5, None, 1.0, None]
    """

    def __init__(self, where: str, end: float, updates: int, key: str = "ramp") -> None:
        if isinstance(end, bool) or not isinstance(end, int | float) or not 0.0 < end <= 1.0:
            raise InputError(f"{where}: {key} is {end!r}; it is a share of the training, above 0, at most 1")
        if isinstance(updates, bool) or not isinstance(updates, int) or updates < 1:
            raise InputError(f"{where}: updates is {updates!r}; it is a whole number of at least 1")
        self._end = end
        self._updates = updates
        self._done = 0

    def advance(self, share: float) -> float | None:
        """The share of the ramp (0 to 1) to choose masks for at this share of the training; None for no new choice."""
        reached = min(int(share / self._end * self._updates), self._updates)
        if reached <= self._done:
            return None
        self._done = reached
        return reached / self._updates
