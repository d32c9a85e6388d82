"""How the networks of docs/results/spquant.md are trained; planned backwards from about an hour and a half of one core.

What all rows of a data set share is trained once: the float start. A row with fewer channels trains at the speed of its
size. So the 3 x 6 networks of Fashion-MNIST take about half an hour, the 5 x 9 of N-MNIST 20 minutes, MNIST and the
ablations 10 minutes each.
"""

from __future__ import annotations

from dataclasses import dataclass

from dse.training import Schedule

FOLDS = 5
#: The fold of the trials that chose the pruned rows: trained on one part of the training data, judged on another.
VALIDATION = -1
VALIDATION_SEEDS = {"fashion_mnist": (100,), "n_mnist": (100, 101)}


@dataclass(frozen=True, slots=True)
class Protocol:
    """Epochs, samples and rates of one data set.

    Each epoch draws ``samples_per_epoch`` anew from all training samples, ``copies`` of each where they are shifted.
    ``pruned_float_epochs``: how many of the further epochs a network that lost channels is trained as a float one.
    """

    time_steps: int
    start_epochs: int
    further_epochs: int
    pruned_float_epochs: int
    batch: int
    samples_per_epoch: int
    copies: int = 1
    start_rate: float = 2e-3
    further_rate: float = 3e-3

    @property
    def start(self) -> Schedule:
        """The training of the float network from which all rows start."""
        return self._schedule(self.start_epochs, self.start_rate)

    def further(self, pruned: bool) -> Schedule:
        """The training of a row as what it is in the end."""
        return self._schedule(self.further_epochs - self.pruned_float_epochs * pruned, self.further_rate)

    @property
    def without_channels(self) -> Schedule:
        """The training of a row that has just lost channels."""
        return self._schedule(self.pruned_float_epochs, self.further_rate)

    def _schedule(self, epochs: int, rate: float) -> Schedule:
        return Schedule(epochs, self.batch, rate, 0.0, self.samples_per_epoch)


PROTOCOLS = {
    "fashion_mnist": Protocol(4, 2, 3, 1, batch=64, samples_per_epoch=20_000),
    "mnist": Protocol(4, 2, 3, 1, batch=64, samples_per_epoch=10_000),
    "n_mnist": Protocol(4, 15, 8, 2, batch=22, samples_per_epoch=880, copies=10),
}
