"""The pruning method and the weight quantiser of a trial, made from their names and options in the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cost_models import InputError, Workload
from dse.method_options import with_options
from dse.neurons import MEMBRANE_QUANTIZERS
from dse.pruning import PRUNING_METHODS, PruningMethod
from dse.pruning.method import NOTHING
from dse.quantizers import WEIGHT_QUANTIZERS, WeightQuantizer
from studies import Method, Study


def methods_of(chosen: Method) -> tuple[PruningMethod, WeightQuantizer]:
    """A fresh pruning method and weight quantiser, each with its own options."""
    options = chosen.options
    MEMBRANE_QUANTIZERS[chosen.membrane_quantizer]
    name = chosen.pruning
    method = with_options("pruning method", name, PRUNING_METHODS[name], options.get(name, {}))
    name = chosen.weight_quantizer
    quantizer = with_options("weight quantizer", name, WEIGHT_QUANTIZERS[name], options.get(name, {}))
    return method(), quantizer()


def check_methods(study: Study) -> None:
    """Raise :class:`InputError` unless each method that a trial may have exists and takes its options."""
    for choices in study.space.method.each_value():
        methods_of(study.method_of(choices))


def check_space(study: Study, workload: Workload) -> None:
    """Raise :class:`InputError` where a method that a trial may have cannot do what the space may ask of it."""
    _check_something_prunes(study, workload)
    for choices in study.space.method.each_value():
        method, quantizer = methods_of(study.method_of(choices))
        method.check_space(workload, study.space)
        for layer in workload.compressible:
            for bits in study.space.for_layer(layer.name)["weight_bits"].values:
                quantizer.check_bits(bits)


def _check_something_prunes(study: Study, workload: Workload) -> None:
    """Raise :class:`InputError` for ratios above 0 where no method that a trial may have removes anything."""
    if any(methods_of(study.method_of(choices))[0].prunes for choices in study.space.method.each_value()):
        return
    for layer in workload.compressible:
        largest = max(study.space.for_layer(layer.name)["pruning_ratio"].values)
        if largest > 0.0:
            raise InputError(
                f"space: layer {layer.name!r} may get pruning_ratio {largest:g}, but method.pruning is "
                f"{study.method_of({}).pruning!r}, which removes nothing; choose another method, or pruning_ratio = 0"
            )


def granularity_of(study: Study, choices: Mapping[str, Any]) -> str:
    """What the pruning method of a trial removes as a unit, ``NOTHING`` where it does not prune.

    ``choices`` are the values of the search's parameters.
    """
    method = methods_of(study.method_of(choices))[0]
    return method.granularity if method.prunes else NOTHING
