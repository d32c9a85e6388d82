"""How the networks of docs/results/spquant.md are trained, and how long that takes: 96 minutes of one thread in all.

What all rows of a data set share, the float start, is trained once; a row with fewer channels trains at the speed of
its size. So it is about 8 minutes for each of 3 seeds of Fashion-MNIST (2 + 3 epochs of 20,000 images, 6 rows), 6 for
each of 5 folds of N-MNIST (12 + 9 epochs of 880 recordings, 6 rows and 3 peers), 4 for each of 3 seeds of MNIST (2 + 3
epochs of 8,000 images, 8 rows), 22 for the 11 ablations over the 5 folds and 6 for the 4 networks that were dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from dse.training import Schedule

FOLDS = 5


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

    @property
    def start(self) -> Schedule:
        """The training of the float network from which all rows start."""
        return self._schedule(self.start_epochs, self.start_rate)

    def without_channels(self, rate: float) -> Schedule:
        """The training of a row that has just lost channels, before it is rounded."""
        return self._schedule(self.pruned_float_epochs, rate)

    def further(self, rate: float, pruned: bool) -> Schedule:
        """The training of a row as what it is in the end."""
        return self._schedule(self.further_epochs - self.pruned_float_epochs * pruned, rate)

    def _schedule(self, epochs: int, rate: float) -> Schedule:
        return Schedule(epochs, self.batch, rate, 0.0, self.samples_per_epoch)


PROTOCOLS = {
    "fashion_mnist": Protocol(4, 2, 3, 1, batch=64, samples_per_epoch=20_000),
    "mnist": Protocol(4, 2, 3, 1, batch=64, samples_per_epoch=8_000),
    "n_mnist": Protocol(4, 12, 9, 3, batch=22, samples_per_epoch=880, copies=10),
}
