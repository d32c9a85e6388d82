"""Samplers by name: the one that knows the costs, and Optuna's; a sampler of our own gets its own file and a line here.

``KnownCostSampler`` is public: a sampler for any Optuna study whose costs are known before training.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

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
from dse.methods import methods_of
from dse.search.forecast import CostForecast
from dse.search.known_cost import KnownCostSampler
from studies import OBJECTIVES, Study

__all__ = ["SAMPLERS", "KnownCostSampler", "SamplerFactory", "probing"]


F = TypeVar("F", bound=Callable[..., BaseSampler])


class SamplerFactory(Protocol):
    """Makes the sampler for one proposal of a study from a seed; the next proposal gets a new one.

    One that makes use of sensitivities probed before the search is marked with :func:`probing`.
    """

    def __call__(
        self,
        study: Study,
        seed: int,
        forecast: CostForecast | None = None,
        sensitivities: Mapping[str, float] | None = None,
    ) -> BaseSampler:
        """``forecast`` tells what configurations cost; it is None where only the options are checked.

        ``sensitivities`` are those that were probed before the search, by parameter name.
        """


def _optuna(sampler: type[BaseSampler], **defaults: Any) -> SamplerFactory:
    def make(
        study: Study,
        seed: int,
        forecast: CostForecast | None = None,
        sensitivities: Mapping[str, float] | None = None,
    ) -> BaseSampler:
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


def probing(wanted: Callable[[Study], bool]) -> Callable[[F], F]:
    """Mark a sampler's factory: where ``wanted(study)``, sensitivities are probed before the search and given to it."""

    def mark(make: F) -> F:
        make.__dict__["probes_wanted"] = wanted
        return make

    return mark


def probes_wanted(study: Study) -> bool:
    """Whether the sampler of this study makes use of sensitivities that are probed before the search."""
    wanted: Callable[[Study], bool] | None = getattr(SAMPLERS[study.search.sampler], "probes_wanted", None)
    return wanted is not None and wanted(study)


def _takes_sensitivities(study: Study) -> bool:
    return study.search.options.get("sensitivities", True) is True


@probing(_takes_sensitivities)
def _known_cost(
    study: Study,
    seed: int,
    forecast: CostForecast | None = None,
    sensitivities: Mapping[str, float] | None = None,
) -> BaseSampler:
    for name, value in study.search.options.items():
        if name != "sensitivities":
            raise InputError("search.options of 'known_cost': " + unknown_name("option", name, ["sensitivities"]))
        if not isinstance(value, bool):
            raise InputError(f"search.options of 'known_cost': sensitivities is {value!r}; it is true or false")
    if forecast is None:
        _check_costs_known(study)
        return KnownCostSampler({}, {}, seed=seed)
    gate = forecast.gate
    bounded = bool(gate.limits) or gate.skips_losing
    names = study.objectives.names
    costs = {index: name for index, name in enumerate(names) if OBJECTIVES[name].is_cost}
    return KnownCostSampler(
        gate.space.distributions(),
        {index: forecast.function(name) for index, name in costs.items()},
        forecast.excess if bounded else None,
        seed,
        chance=_chance(study, gate.workload),
        cost_error={index: forecast.error(name) for index, name in costs.items() if name in forecast.uncertain},
        measured=sensitivities if _takes_sensitivities(study) else None,
        fitting=gate.space.choices(gate.corner) if bounded and gate.corner is not None else None,
    )


def _check_costs_known(study: Study) -> None:
    """Raise :class:`InputError` where a method that a trial may have decides itself what its network costs."""
    for choices in study.space.method.each_value():
        chosen = study.method_of(choices)
        if methods_of(chosen)[0].learns_ratios:
            raise InputError(
                f"search.sampler 'known_cost' must know what a proposal costs, but with the options of "
                f"method.{chosen.pruning} the ratios are found in training and the costs before it are only lower "
                "bounds: use search.sampler = 'tpe', which learns the costs that were measured"
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
