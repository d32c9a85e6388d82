"""How much each layer minds compression, seen before any search: one layer at a time, without training."""

from __future__ import annotations

import copy
import math
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import torch
from torch import nn

from cost_models import FULL_PRECISION, Configuration, LayerBudget
from dse.compression import compress, settle
from dse.evaluate import network_of, training_of
from dse.measurement import predict
from dse.methods import methods_of
from dse.pruning import MagnitudePruning
from dse.search.suggest import Parameter, SearchSpace
from dse.training import TrainingDiverged, one_thread
from studies import Evaluation, Measurement, Study

#: Training samples that are looked at.
SAMPLES = 512
#: A rise of the loss below this share of itself counts as this much.
_SMALLEST = 1e-3
PREFIX = "sensitivity of "
_PROBED = ("pruning_ratio", "weight_bits")


class Probe(Protocol):
    """Measures a study's float network, its baseline, once before the search."""

    def __call__(self, study: Study, baseline: Evaluation, data_root: str | None = None) -> tuple[Measurement, ...]:
        """Measurements to keep with the baseline."""


def sensitivities_of(baseline: Evaluation) -> dict[str, float]:
    """The log sensitivities that are stored with a study's baseline, by parameter name; empty if there are none."""
    found = {m.metric: m.value for m in baseline.measurements if m.split == "training"}
    return {name.removeprefix(PREFIX): value for name, value in found.items() if name.startswith(PREFIX)}


def probed_sensitivities(study: Study, baseline: Evaluation, data_root: str | None = None) -> tuple[Measurement, ...]:
    """The log sensitivity of each free parameter of a layer, as measurements of the baseline (split "training").

    The float network's loss on some training samples rises by d when one parameter of one layer is set to a cheaper
    value, all else being dense; the sensitivity is the mean of log d over the cheapest value and the one half way
    there. Weights are removed by magnitude and rounded by the study's own quantiser; nothing is trained.
    """
    assert baseline.workload is not None
    with one_thread():
        network, realised, _ = network_of(study, baseline, data_root)
        samples, _, loss = training_of(study, data_root, realised.time_steps)
        samples = samples.subset(torch.arange(min(SAMPLES, len(samples))))

        def loss_of(probed: nn.Module) -> float:
            return float(loss(predict(probed, samples)[None], samples.targets))

        dense, found = loss_of(network), []
        for parameter in SearchSpace.of(study.space, baseline.workload).free:
            if parameter.field not in _PROBED:
                continue
            with suppress(TrainingDiverged):  # outputs that are no numbers say nothing of this parameter
                rises = [loss_of(_probed(study, baseline, network, parameter, v)) - dense for v in _cheaper(parameter)]
                logs = [math.log(max(rise, _SMALLEST * max(dense, _SMALLEST))) for rise in rises]
                found.append(Measurement("training", PREFIX + parameter.name, study.seed, sum(logs) / len(logs)))
    return tuple(found)


def _cheaper(parameter: Parameter) -> tuple[float, ...]:
    """The cheapest value and the one half way to the dearest."""
    values = sorted(map(float, parameter.values), reverse=parameter.field == "pruning_ratio")
    return values[0], values[(len(values) - 1) // 2]


def _probed(study: Study, baseline: Evaluation, network: nn.Module, parameter: Parameter, value: float) -> nn.Module:
    """A copy of the float network with one parameter of one layer at ``value``."""
    assert baseline.workload is not None
    assert parameter.field is not None
    budgets = []
    for layer in baseline.workload.compressible:
        membrane = FULL_PRECISION if layer.neurons else None
        chosen = {parameter.field: value} if layer.name == parameter.layer else {}
        budgets.append(replace(LayerBudget(layer.name, membrane_bits=membrane), **chosen))  # type: ignore[arg-type]
    configuration = Configuration(tuple(budgets), baseline.asked.time_steps)
    probed, method = copy.deepcopy(network), MagnitudePruning()
    _, quantizer = methods_of(study.method)
    compress(probed, baseline.workload, configuration, method, quantizer, study.method.membrane_quantizer)
    settle(probed, baseline.workload, configuration, method)
    return probed
