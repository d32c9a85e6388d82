"""Optuna's samplers by name; a sampler of our own gets its own file and one line here."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

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

from cost_models import InputError, Registry, unknown_name
from studies import Study

#: Makes the sampler for one proposal of a study from a seed; the next proposal gets a new one.
SamplerFactory = Callable[[Study, int], BaseSampler]


def _optuna(sampler: type[BaseSampler], **defaults: Any) -> SamplerFactory:
    def make(study: Study, seed: int) -> BaseSampler:
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


SAMPLERS: Registry[SamplerFactory] = Registry(
    "sampler",
    {
        "tpe": _optuna(TPESampler, multivariate=True),
        "nsga2": _optuna(NSGAIISampler, population_size=20),
        "nsga3": _optuna(NSGAIIISampler, population_size=20),
        "gp": _optuna(GPSampler),
        "qmc": _optuna(QMCSampler, warn_independent_sampling=False),
        "random": _optuna(RandomSampler),
    },
)
