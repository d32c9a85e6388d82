"""Samplers by name: the one that knows the costs, and Optuna's; a sampler of our own gets its own file and a line here.

``KnownCostSampler`` is public: a sampler for any Optuna study whose costs are known before training.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any, Protocol

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from cost_models import InputError, Registry, Workload, unknown_name
from dse.search.forecast import CostForecast
from dse.search.known_cost import KnownCostSampler
from studies import OBJECTIVES, Study

__all__ = ["SAMPLERS", "KnownCostSampler", "SamplerFactory"]


class SamplerFactory(Protocol):
    """Makes the sampler for one proposal of a study from a seed; the next proposal gets a new one."""

    def __call__(self, study: Study, seed: int, forecast: CostForecast | None = None) -> BaseSampler:
        """``forecast`` tells what configurations cost; it is None where only the options are checked."""


def _optuna(sampler: type[BaseSampler], **defaults: Any) -> SamplerFactory:
    def make(study: Study, seed: int, forecast: CostForecast | None = None) -> BaseSampler:
        known = [name for name in inspect.signature(sampler).parameters if name not in ("seed", "constraints_func")]
        for name in study.search.options:
            if name not in known:
                raise InputError(f"search.options of {study.search.sampler!r}: " + unknown_name("option", name, known))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            try:
                return sampler(**{**defaults, **study.search.options, "seed": seed})
            except (TypeError, ValueError) as error:
                raise InputError(f"search.options of {study.search.sampler!r}: {error}") from error

    return make


def _known_cost(study: Study, seed: int, forecast: CostForecast | None = None) -> BaseSampler:
    for name in study.search.options:
        raise InputError(f"search.options of 'known_cost': {name!r} is given, but it has no options")
    if forecast is None:
        return KnownCostSampler({}, {}, seed=seed)
    names = study.objectives.names
    costs = {index: name for index, name in enumerate(names) if OBJECTIVES[name].is_cost}
    return KnownCostSampler(
        forecast.gate.space.distributions(),
        {index: forecast.function(name) for index, name in costs.items()},
        forecast.excess if forecast.gate.limits else None,
        seed,
        chance=_chance(study, forecast.gate.workload),
        cost_error={index: forecast.error(name) for index, name in costs.items() if name in forecast.uncertain},
    )


def _chance(study: Study, workload: Workload) -> float | None:
    """The accuracy of guessing, 1 / outputs of the last layer; None where that is not what is learned."""
    learned = [name for name in study.objectives.names if not OBJECTIVES[name].is_cost]
    if study.task.kind != "classification" or learned not in (["accuracy"], ["error"]):
        return None
    return 1.0 / workload.compressible[-1].weight_shape[0]


SAMPLERS: Registry[SamplerFactory] = Registry(
    "sampler",
    {
        "known_cost": _known_cost,
        "tpe": _optuna(TPESampler, multivariate=True),
        "nsga2": _optuna(NSGAIISampler, population_size=20),
        "nsga3": _optuna(NSGAIIISampler, population_size=20),
        "gp": _optuna(GPSampler),
        "qmc": _optuna(QMCSampler, warn_independent_sampling=False),
        "random": _optuna(RandomSampler),
    },
)
