"""SLR: surrogate Lagrangian relaxation, whose multipliers move by a step of their own and only when that is sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from cost_models import InputError
from dse.pruning.method import Progress
from dse.pruning.splitting import SplitPruning, Tensors


def step_size_factor(iteration: int, m: float, r: float) -> float:
    """alpha_k = 1 - 1 / (M k^p) with p = 1 - 1 / k^r, for iteration k from 1; it rises towards 1.

    Source: Bragin et al. 2015, as used by the first author's code of the TODAES paper.

    >>> round(step_size_factor(1, 300, 0.1), 6), round(step_size_factor(100, 300, 0.1), 6)
    (0.996667, 0.999391)
    """
    return 1.0 - 1.0 / (m * math.pow(iteration, 1.0 - math.pow(iteration, -r)))


def gap(weights: Tensors, copies: Tensors) -> float:
    """The sum over layers of the Frobenius norms ||W - Z||, as the code measures it."""
    return sum(float((weights[name] - copy).norm()) for name, copy in copies.items())


def moved(scaled: Tensors, weights: Tensors, copies: Tensors, step: float, rho: float) -> Tensors:
    """Scaled multipliers U = Lambda / rho after Lambda += step x (W - Z)."""
    return {name: own + step / rho * (weights[name] - copies[name]) for name, own in scaled.items()}


def half_lagrangian(weights: Tensors, copies: Tensors, scaled: Tensors, rho: float) -> float:
    """The Lagrangian less the task loss and less what depends on U alone: rho/2 x the sum of ||W - Z + U||^2."""
    return 0.5 * rho * sum(float((weights[n] - copy + scaled[n]).square().sum()) for n, copy in copies.items())


@dataclass(frozen=True, slots=True, eq=False)
class Multipliers:
    """The scaled multipliers by layer, their step size s, and k, which counts the accepted updates from 1."""

    scaled: Tensors
    step: float
    iteration: int = 1

    def stepped(
        self, before: float, weights: Tensors, copies: Tensors, *, rho: float, m: float, r: float
    ) -> Multipliers:
        """After one accepted update: s = alpha_k s ||gap before|| / ||gap now||, Lambda += s (W - Z), k + 1.

        Nothing changes where either gap is 0.
        """
        now = gap(weights, copies)
        if before == 0.0 or now == 0.0:
            return self
        step = step_size_factor(self.iteration, m, r) * self.step * before / now
        return Multipliers(moved(self.scaled, weights, copies, step, rho), step, self.iteration + 1)


class SLRPruning(SplitPruning):
    """Surrogate Lagrangian relaxation; the multipliers move only under the surrogate optimality condition.

    An iteration has two halves, each accepted if the Lagrangian has fallen by it: the trained weights against the old
    sparse copies, then the new sparse copies. The task loss of a pair of weights is the mean over the steps since the
    last iteration (inferred: the code takes its last batches), and a rejected half leaves s, k and the multipliers as
    they are (inferred). ``numerator`` is what the paper leaves open: in the second half the old gap is the one of the
    "fixed" pair of before the iteration, or of the "renewed" one that the code overwrites on the way; the latter was
    the better one on LeNet-300-100 at 80x.
    """

    description: ClassVar[str] = "surrogate Lagrangian relaxation: multipliers with a step size of their own"
    source: ClassVar[str] = "Gurevin et al. 2021 (IJCAI); settings of its authors' public code"

    def __init__(
        self,
        rho: float = 0.1,
        step_size: float = 0.01,
        m: float = 300.0,
        r: float = 0.1,
        splitting: float = 0.6,
        updates: int = 20,
        numerator: str = "renewed",
    ) -> None:
        super().__init__("method.slr", rho, splitting, updates)
        if not step_size > 0.0:
            raise InputError(f"method.slr: step_size is {step_size!r}; it is a number above 0")
        if not m >= 1.0:
            raise InputError(f"method.slr: m is {m!r}; it is a number of at least 1")
        if not 0.0 < r < 1.0:
            raise InputError(f"method.slr: r is {r!r}; it is a number between 0 and 1")
        if numerator not in ("fixed", "renewed"):
            raise InputError(f"method.slr: numerator is {numerator!r}; it is 'fixed' or 'renewed'")
        self._m, self._r, self._numerator = m, r, numerator
        self._first_step = step_size
        self._losses: list[float] = []
        self._old_loss = float("inf")
        self._accepted = 0
        self._halves = 0

    def metrics(self) -> dict[str, float]:
        """The share of the half iterations that the surrogate optimality condition accepted."""
        return {"accepted_share": self._accepted / self._halves if self._halves else 0.0}

    def _start_split(self) -> None:
        super()._start_split()
        self._multipliers = Multipliers(self._scaled, self._first_step)
        self._old_weights = self._weights()

    def _weights(self) -> Tensors:
        return {name: weight.detach().clone() for name, weight in self._trained().items()}

    def _saw(self, progress: Progress) -> None:
        if not self._masks.frozen:
            self._losses.append(progress.loss)

    def _iterate(self, share: float) -> None:
        weights, old, rho = self._weights(), self._old_weights, self.rho
        loss = sum(self._losses) / len(self._losses)
        before = gap(old, self._copies)
        now = loss + half_lagrangian(weights, self._copies, self._scaled, rho)
        if self._first() or now < self._old_loss + half_lagrangian(old, self._copies, self._scaled, rho):
            self._accept(before, weights)
        if self._numerator == "renewed":
            before = gap(weights, self._copies)
        copies = {name: self._project(name, weight + self._scaled[name]) for name, weight in weights.items()}
        fallen = half_lagrangian(weights, copies, self._scaled, rho) < half_lagrangian(
            weights, self._copies, self._scaled, rho
        )
        self._copies = copies
        if self._first() or fallen:
            self._accept(before, weights)
        self._halves += 2
        self._old_weights, self._old_loss, self._losses = weights, loss, []

    def _first(self) -> bool:
        return self._multipliers.iteration == 1

    def _accept(self, before: float, weights: Tensors) -> None:
        self._multipliers = self._multipliers.stepped(before, weights, self._copies, rho=self.rho, m=self._m, r=self._r)
        self._scaled = self._multipliers.scaled
        self._accepted += 1
