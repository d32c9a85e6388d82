"""The accuracy model of one proposal: fitted afresh to all readings, so that nothing but the readings is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dse.search.known_cost.axes import Axes, Floats, Rows
from dse.search.known_cost.fit import Data, most_probable
from dse.search.known_cost.mean import MonotoneMean
from dse.search.known_cost.posterior import Features, Posterior
from dse.search.known_cost.readings import Link, Readings

_FIRST_NOISE = 0.01
_LARGEST_SLOPE = 50.0
#: Readings that the posterior is conditioned on; the mean is fitted to all of them.
MOST_CONDITIONED = 240


@dataclass(frozen=True)
class AccuracyModel:
    """Predicts z, a scale that falls with accuracy."""

    link: Link
    posterior: Posterior
    sensitivities: Floats

    @classmethod
    def fitted(cls, axes: Axes, readings: Readings, measured: Mapping[str, float] | None = None) -> AccuracyModel:
        """The model of these readings: the likelier link, then a second fit with the noise that the first one found."""
        mean = MonotoneMean(axes, measured)
        telling = readings.at(_conditioned(readings))
        fits = [_fit(mean, telling, Link(name), _FIRST_NOISE) for name in readings.links]
        link, theta, posterior, _ = max(fits, key=lambda fit: fit[3])
        noise = posterior.amplitudes.noise
        link, theta, posterior, _ = _fit(mean, readings, link, noise, theta, free_effects=True)
        return cls(link, posterior, mean.sensitivities(theta))

    def predict(self, rows: Rows) -> tuple[Floats, Floats]:
        """Mean and standard deviation of z (n,)."""
        return self.posterior.predict(rows)


def _fit(
    mean: MonotoneMean,
    readings: Readings,
    link: Link,
    noise: float,
    start: Floats | None = None,
    free_effects: bool = False,
) -> tuple[Link, Floats, Posterior, float]:
    z, slope = link.forward(readings.value), link.slope(readings.value)
    slope = np.minimum(slope, np.sqrt(_LARGEST_SLOPE) * np.median(slope))
    spread = max(float(z.var()), 1e-4)
    scale = slope * readings.noise
    data = Data(readings.rows, z, (noise * scale) ** 2 + 9e-4 * spread, readings.at_chance(noise))
    prior_mean, root = mean.prior(float(z.min()))
    theta = most_probable(mean, data, prior_mean, root, start)
    # A censored reading stands for whatever damage the model sees there, if that is more.
    filled = np.where(data.censored, np.maximum(z, mean(readings.rows, theta)), z)
    keep = _conditioned(readings)
    posterior = Posterior(
        Features(mean.axes, mean, theta, root),
        prior_mean,
        readings.rows[keep],
        filled[keep],
        scale[keep],
        spread,
        free_effects,
    )
    evidence = posterior.log_likelihood + float(np.log(slope[keep])[~data.censored[keep]].sum())
    return link, theta, posterior, evidence


def _conditioned(readings: Readings) -> Rows:
    """All readings, or the best third, the latest third and an even choice of the others."""
    count = len(readings.value)
    if count <= MOST_CONDITIONED:
        return np.arange(count)
    part = MOST_CONDITIONED // 3
    best, latest = np.argsort(-readings.value, kind="stable")[:part], np.arange(count - part, count)
    others = np.setdiff1d(np.arange(count), np.concatenate([best, latest]))
    spread = others[np.linspace(0, len(others) - 1, part).astype(np.intp)]
    return np.unique(np.concatenate([best, latest, spread]))
