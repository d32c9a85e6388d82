"""One hypothesis strategy for each central type: any valid value, small enough to be quick."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from cost_models import Configuration, CostReport, Layer, LayerBudget, LayerCost, Totals, Workload
from studies import (
    OBJECTIVES,
    Choices,
    DesignSpace,
    Evaluation,
    FrontSnapshot,
    LayerChoices,
    Measurement,
    Method,
    MethodChoices,
    Objectives,
    Search,
    State,
    Study,
    Task,
    Training,
    limit_names,
)
from studies.study import BELOW_BREAK_EVEN

BIT_WIDTHS = (1, 1.58, 2, 3, 4, 6, 8, 16, 32)

#: Any text that a user may type as a name, quotes and other scripts included.
names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
layer_names = st.from_regex(r"[a-z][a-z0-9_]{0,6}(\.[0-9a-z]{1,3}){0,2}", fullmatch=True)
shares = st.floats(0.0, 1.0)
pruning_ratios = st.floats(0.0, 1.0, exclude_max=True)
bits = st.sampled_from(BIT_WIDTHS)
counts = st.integers(0, 2**40)
amounts = st.floats(0.0, 1e12)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def layers(draw: st.DrawFn, name: str | None = None) -> Layer:
    """A convolution, linear, pooling or normalising layer with weights that fit its kind."""
    kind = draw(st.sampled_from(("conv", "linear", "pool", "norm")))
    rank = {"conv": 4, "linear": 2}.get(kind, 0)
    neurons = draw(st.integers(0, 500)) if rank else 0
    return Layer(
        name=name if name is not None else draw(layer_names),
        kind=kind,
        weight_shape=tuple(draw(st.lists(st.integers(1, 8), min_size=rank, max_size=rank))),
        positions=draw(st.integers(1, 64)),
        input_shape=tuple(draw(st.lists(st.integers(1, 8), max_size=3))),
        output_shape=tuple(draw(st.lists(st.integers(1, 8), max_size=3))),
        other_parameters=draw(st.integers(0, 8)),
        neurons=neurons,
        neuron=draw(layer_names) if neurons else None,
        input_density=draw(shares),
        spiking_input=draw(st.booleans()),
        static_input=draw(st.booleans()),
    )


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """Up to four layers with different names."""
    own = draw(st.lists(layer_names, min_size=1, max_size=4, unique=True))
    unpriced = draw(st.lists(names, max_size=2))
    return Workload(draw(names), (1, 8, 8), tuple(draw(layers(name)) for name in own), tuple(unpriced))


@st.composite
def layer_budgets(draw: st.DrawFn, layer: Layer | None = None) -> LayerBudget:
    """The budget of one layer; membrane bits where it feeds neurons."""
    spiking = layer.neurons > 0 if layer else draw(st.booleans())
    return LayerBudget(
        layer=layer.name if layer else draw(layer_names),
        pruning_ratio=draw(pruning_ratios),
        weight_bits=draw(bits),
        membrane_bits=draw(bits) if spiking else None,
        granularity=draw(st.sampled_from(("weight", "channel"))),
    )


@st.composite
def configurations(draw: st.DrawFn, workload: Workload | None = None) -> Configuration:
    """One budget for each compressible layer of ``workload``, or of any workload."""
    workload = workload or draw(workloads())
    return Configuration(tuple(draw(layer_budgets(layer)) for layer in workload.compressible), draw(st.integers(1, 16)))


@st.composite
def cost_reports(draw: st.DrawFn, workload: Workload | None = None) -> CostReport:
    """Any numbers for the layers of ``workload``; not what a cost model would compute."""
    workload = workload or draw(workloads())
    own = tuple(
        LayerCost(
            name=layer.name,
            kind=layer.kind,
            macs_dense=draw(amounts),
            synops=draw(amounts),
            parameters=draw(counts),
            parameters_kept=draw(counts),
            pruning_ratio=draw(pruning_ratios),
            weight_bits=draw(st.none() | bits),
            membrane_bits=draw(st.none() | bits),
            storage_format=draw(st.sampled_from(("dense", "bitmap", "csr"))),
            weight_memory_bytes=draw(amounts),
            break_even_pruning_ratio=draw(st.none() | shares),
            energy_joules=draw(amounts),
        )
        for layer in workload.layers
    )
    total = Totals(
        macs_dense=draw(amounts),
        synops=draw(amounts),
        parameters_kept=draw(counts),
        neurons=draw(counts),
        memory_bytes=draw(amounts),
        energy_joules=draw(amounts),
        latency_seconds=draw(amounts),
    )
    return CostReport(workload.network, draw(names), draw(st.integers(1, 16)), own, total)


measurements = st.builds(
    Measurement,
    split=st.sampled_from(("validation", "test")),
    metric=st.sampled_from(("accuracy", "recall/0", "recall/zebra")),
    seed=st.integers(0, 3),
    value=shares,
)
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
attributes = st.dictionaries(names, plain | names | st.lists(plain, max_size=3), max_size=3)


@st.composite
def evaluations(draw: st.DrawFn, trial: int | None = None, state: State | None = None) -> Evaluation:
    """A trial in any state; a complete one has a realised configuration, a workload, a cost and an accuracy."""
    state = state or draw(st.sampled_from(State))
    workload = draw(workloads())
    complete = state is State.COMPLETE
    seed = draw(seeds)
    found = draw(st.lists(measurements, max_size=5, unique_by=lambda item: (item.split, item.metric, item.seed)))
    found = [item for item in found if (item.split, item.metric, item.seed) != ("validation", "accuracy", seed)]
    if complete:
        found.append(Measurement("validation", "accuracy", seed, draw(shares)))
    return Evaluation(
        trial=trial,
        seed=seed,
        state=state,
        asked=draw(configurations(workload)),
        choices=draw(attributes),
        realised=draw(configurations(workload)) if complete or draw(st.booleans()) else None,
        workload=workload if complete or draw(st.booleans()) else None,
        cost=draw(cost_reports(workload)) if complete or draw(st.booleans()) else None,
        measurements=tuple(found),
        reason="" if complete else draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)),
        seconds=draw(st.floats(0.0, 1e6)),
        optuna_attributes=draw(attributes),
        curve=tuple(draw(st.lists(shares, max_size=4))),
        expected_accuracy=draw(shares) if state is State.STOPPED else None,
    )


def _choices(values: st.SearchStrategy[float]) -> st.SearchStrategy[Choices]:
    return st.lists(values, min_size=1, max_size=4).map(lambda drawn: Choices(tuple(drawn)))


layer_choices = st.builds(
    LayerChoices,
    pruning_ratio=st.none() | _choices(pruning_ratios),
    weight_bits=st.none() | _choices(bits),
    membrane_bits=st.none() | _choices(bits),
)
option_values = st.lists(st.booleans() | st.sampled_from(("sign", "chain rule")), min_size=1, max_size=3) | st.lists(
    st.integers(-9, 9) | st.floats(-1e3, 1e3), min_size=1, max_size=3
)


@st.composite
def method_choices(draw: st.DrawFn) -> MethodChoices:
    """Pruning methods, quantizers, and options of the former."""
    pruning = draw(st.lists(st.sampled_from(("magnitude", "none", "autoprune")), max_size=3))
    values = st.dictionaries(st.sampled_from(("rho", "rule")), option_values.map(tuple), max_size=2)
    options = draw(st.dictionaries(st.sampled_from(pruning), values)) if pruning else {}
    quantizers = draw(st.lists(st.sampled_from(("uniform", "equal_distance")), max_size=2))
    return MethodChoices(tuple(pruning), tuple(quantizers), options)


design_spaces = st.builds(
    DesignSpace,
    pruning_ratio=_choices(pruning_ratios),
    weight_bits=_choices(bits),
    membrane_bits=_choices(bits),
    time_steps=_choices(st.integers(1, 32)),
    layers=st.dictionaries(layer_names, layer_choices, max_size=2),
    method=method_choices(),
)


@st.composite
def objectives(draw: st.DrawFn) -> Objectives:
    """One to three objectives, each in its own direction."""
    chosen = draw(st.lists(st.sampled_from(sorted(OBJECTIVES)), min_size=1, max_size=3, unique=True))
    maximize = tuple(name for name in chosen if OBJECTIVES[name].maximized)
    return Objectives(maximize, tuple(name for name in chosen if name not in maximize))


studies = st.builds(
    Study,
    name=names,
    task=st.builds(Task, network=names, dataset=names),
    method=st.builds(Method, pruning=names, options=st.dictionaries(st.just("admm") | st.just("slr"), attributes)),
    space=design_spaces,
    hardware=names,
    below_break_even=st.sampled_from(BELOW_BREAK_EVEN),
    objectives=objectives(),
    constraints=st.dictionaries(st.sampled_from(limit_names()), st.floats(0.0, 1e9, exclude_min=True), max_size=2),
    training=st.builds(
        Training,
        epochs=st.integers(1, 99),
        learning_rate=st.floats(0.0, 1.0, exclude_min=True),
        validation_fraction=st.floats(0.01, 0.99),
        samples_per_epoch=st.none() | st.integers(1, 10**6),
    ),
    search=st.builds(
        Search,
        trials=st.integers(1, 999),
        workers=st.integers(1, 8),
        early_stopping=st.booleans(),
        options=attributes,
    ),
    seed=seeds,
)
fronts = st.builds(
    FrontSnapshot,
    finished=st.integers(0, 10**6),
    hypervolume=st.none() | st.floats(0.0, math.exp(20)),
    reference_point=st.lists(amounts, max_size=3).map(tuple),
    members=st.lists(st.integers(0, 10**6), max_size=4).map(tuple),
)
