"""A study: everything that a run needs, as read from a study file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cost_models import InputError, Workload, unknown_name
from cost_models.errors import check_count
from studies.design_space import DesignSpace
from studies.method_choices import NAMED
from studies.objectives import OBJECTIVES, limit_names

SLICINGS = ("time", "count")  #: of events into the bins of a sample
REACTIONS = ("refuse", "skip")  #: to a damaged recording
#: What becomes of a proposed layer that is pruned, yet slower or larger than dense on the study's hardware.
BELOW_BREAK_EVEN = ("allow", "restore", "skip")
LARGEST_SEED = 2**32 - 1  #: as numpy's generators and scikit-learn have it


def _check_text(where: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InputError(f"{where} is {value!r}; it is a text of at least one printable character")


def _number(where: str, value: float, *, above: float = -math.inf, at_least: float = -math.inf) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= above or value < at_least:
        bound = f" above {above:g}" if above > -math.inf else f" of at least {at_least:g}"
        raise InputError(f"{where} is {value!r}; it is a finite number{bound}")
    return float(value)


def _plain(where: str, value: object) -> Any:
    """Return a method's option as JSON would give it back; refuse what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{where}.{key}", entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(where, entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where} is {value!r}; it is a finite number")
    if value is not None and not isinstance(value, str | int | float):
        raise InputError(f"{where} is {value!r}; it is a text, a number, true or false, a list or a table")
    return value


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned: a network (built-in name or ``file.py:factory``), a data set (likewise) and the kind of task.

    The rest is for event data: ``slicing`` into bins of equal "time" or "count" of events, ``frame_size`` in pixels
    (None: the data set's own), and whether damaged recordings ``corrupt`` are there to "refuse" or to "skip".
    """

    network: str = "spiking_cnn"
    dataset: str = "digits"
    kind: str = "classification"
    slicing: str = "time"
    frame_size: int | None = None
    corrupt: str = "refuse"

    def __post_init__(self) -> None:
        _check_text("task.network", self.network)
        _check_text("task.dataset", self.dataset)
        _check_text("task.kind", self.kind)
        for key, known in (("slicing", SLICINGS), ("corrupt", REACTIONS)):
            if getattr(self, key) not in known:
                raise InputError(f"task.{key}: " + unknown_name("choice", getattr(self, key), known))
        if self.frame_size is not None:
            check_count("task.frame_size", self.frame_size, at_least=1)


@dataclass(frozen=True, slots=True)
class Method:
    """How a proposed configuration is realised in training; ``options`` holds each method's own, by method name.

    ``readout`` says how a spiking network answers: "logits", the mean over time of what its last layer gives, or
    "rate", the mean over time of the spikes of a layer of neurons behind it.
    """

    pruning: str = "magnitude"
    weight_quantizer: str = "uniform"
    membrane_quantizer: str = "stacked"
    neuron: str = "lif"
    readout: str = "logits"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("pruning", "weight_quantizer", "membrane_quantizer", "neuron", "readout"):
            _check_text(f"method.{name}", getattr(self, name))
        object.__setattr__(self, "options", _plain("method", self.options))


@dataclass(frozen=True, slots=True)
class Objectives:
    """Names of objectives (see :data:`studies.OBJECTIVES`) to maximise and to minimise."""

    maximize: tuple[str, ...] = ("accuracy",)
    minimize: tuple[str, ...] = ("memory_bytes", "energy_joules")

    def __post_init__(self) -> None:
        for direction in ("maximize", "minimize"):
            names = getattr(self, direction)
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                raise InputError(f"objectives.{direction} is {names!r}; it is a list of names of objectives")
            names = tuple(names)
            object.__setattr__(self, direction, names)
            for name in names:
                if name not in OBJECTIVES:
                    raise InputError(f"objectives.{direction}: " + unknown_name("objective", name, tuple(OBJECTIVES)))
                if OBJECTIVES[name].direction != direction:
                    right = OBJECTIVES[name].direction
                    raise InputError(f"objectives.{direction} names {name!r}; it belongs under objectives.{right}")
                if names.count(name) > 1:
                    raise InputError(f"objectives.{direction} names {name!r} {names.count(name)} times; once is enough")
        if not self.names:
            raise InputError("objectives names nothing to maximize or minimize; it needs at least one objective")

    @property
    def names(self) -> tuple[str, ...]:
        """All objectives, those to maximise first."""
        return (*self.maximize, *self.minimize)

    @property
    def directions(self) -> tuple[str, ...]:
        """Optuna's word for each objective in the order of :attr:`names`."""
        return ("maximize",) * len(self.maximize) + ("minimize",) * len(self.minimize)


@dataclass(frozen=True, slots=True)
class Training:
    """How every network is trained.

    ``epochs`` is the fine-tuning length of a trial and ``baseline_epochs`` that of the dense float network from which
    every trial starts; ``samples_per_epoch`` limits an epoch to a seeded random subset (None: all). Rates are Adam's.
    ``baseline_time_steps`` is the number of time steps at which the float network is trained (None: the largest in the
    space, at most 4). ``loss`` is the name of a training loss. ``device`` is where networks are trained: "auto" (CUDA
    where there is any, else the CPU), "cpu", "cuda", "cuda:1" and so on, or "mps".
    """

    epochs: int = 8
    baseline_epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    baseline_learning_rate: float = 2e-3
    weight_decay: float = 0.0
    validation_fraction: float = 0.15
    samples_per_epoch: int | None = None
    baseline_time_steps: int | None = None
    loss: str = "cross_entropy"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "baseline_epochs", "batch_size", "samples_per_epoch", "baseline_time_steps"):
            if getattr(self, name) is not None:
                check_count(f"training.{name}", getattr(self, name), at_least=1)
        for name in ("learning_rate", "baseline_learning_rate"):
            object.__setattr__(self, name, _number(f"training.{name}", getattr(self, name), above=0.0))
        object.__setattr__(self, "weight_decay", _number("training.weight_decay", self.weight_decay, at_least=0.0))
        fraction = self.validation_fraction
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0.0 < fraction < 1.0:
            raise InputError(f"training.validation_fraction is {fraction!r}; it is a share between 0 and 1")
        _check_text("training.loss", self.loss)
        _check_text("training.device", self.device)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", self.device):
            raise InputError(f"training.device is {self.device!r}; it is 'auto', 'cpu', 'cuda', 'cuda:1' ... or 'mps'")


@dataclass(frozen=True, slots=True)
class Search:
    """How the space is searched: a sampler's name, the number of finished trials, parallel workers and their engine.

    ``early_stopping`` ends a training that can no longer reach the front at its cost; such a trial counts as finished.
    """

    sampler: str = "known_cost"
    trials: int = 60
    seeds_on_front: int = 3
    workers: int = 1
    engine: str = "local"
    early_stopping: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_text("search.sampler", self.sampler)
        _check_text("search.engine", self.engine)
        check_count("search.trials", self.trials, at_least=1)
        check_count("search.seeds_on_front", self.seeds_on_front)
        check_count("search.workers", self.workers, at_least=1)
        if not isinstance(self.early_stopping, bool):
            raise InputError(f"search.early_stopping is {self.early_stopping!r}; it is true or false")
        object.__setattr__(self, "options", _plain("search.options", self.options))


@dataclass(frozen=True, slots=True)
class Study:
    """Complete: the same study on the same machine gives the same result.

    ``constraints`` maps the name of a cost (``memory_bytes``, ``energy_joules``, ...) or of a measured quantity that is
    minimised (``largest_recall_loss``, ``error``, ...) to its largest allowed value in SI units. ``hardware`` is a
    profile's name or the path of a TOML profile. ``below_break_even`` is what becomes of a proposal with a layer that
    is pruned, yet slower or larger than dense on it: "allow" trains it, "restore" trains it with that layer unpruned
    (as ADMM-NN does), "skip" does not train it. Any value that cannot be right is refused with :class:`InputError`,
    which names it as the study file does (``training.epochs``).
    """

    name: str
    task: Task = Task()
    method: Method = Method()
    space: DesignSpace = DesignSpace()
    hardware: str = "edge_asic_45nm"
    below_break_even: str = "allow"
    objectives: Objectives = Objectives()
    constraints: Mapping[str, float] = field(default_factory=dict)
    training: Training = Training()
    search: Search = Search()
    seed: int = 0

    def __post_init__(self) -> None:
        _check_text("name", self.name)
        if len(self.name) > 200:
            raise InputError(f"name has {len(self.name)} characters; at most 200 are allowed")
        _check_text("hardware.profile", self.hardware)
        _check_text("hardware.below_break_even", self.below_break_even)
        if self.below_break_even not in BELOW_BREAK_EVEN:
            raise InputError(
                "hardware.below_break_even: " + unknown_name("choice", self.below_break_even, BELOW_BREAK_EVEN)
            )
        check_count("seed", self.seed)
        if self.seed > LARGEST_SEED:
            raise InputError(f"seed is {self.seed}; it is at most {LARGEST_SEED}")
        limits = {}
        for cost, limit in self.constraints.items():
            if cost not in limit_names():
                raise InputError("constraints: " + unknown_name("quantity to limit", cost, limit_names()))
            bound = {"above": 0.0} if OBJECTIVES[cost].is_cost else {"at_least": 0.0}
            limits[cost] = _number(f"constraints.{cost}", limit, **bound)
        object.__setattr__(self, "constraints", limits)
        self._check_method_choices()

    @property
    def cost_limits(self) -> dict[str, float]:
        """The constraints on costs, which can be judged before training."""
        return {name: limit for name, limit in self.constraints.items() if OBJECTIVES[name].is_cost}

    def __hash__(self) -> int:
        # Mappings have no hash of their own; equal studies have equal names, tasks and seeds.
        return hash((self.name, self.task, self.hardware, self.objectives, self.training, self.seed))

    def method_of(self, choices: Mapping[str, Any]) -> Method:
        """The method of a trial; ``choices`` are the values of the search's parameters by name, as a trial keeps them.

        >>> from studies import MethodChoices
        >>> study = Study("a", space=DesignSpace(method=MethodChoices(pruning=("magnitude", "admm"))))
        >>> study.method_of({"method.pruning": "admm"}).pruning
        'admm'
        """
        space = self.space.method
        named = {key: value for key, value in space.in_force(choices).items() if key in NAMED}
        options = {owner: dict(own) for owner, own in self.method.options.items()}
        for owner, own in space.options_in_force(choices).items():
            options[owner] = {**options.get(owner, {}), **own}
        return replace(self.method, options=options, **named)  # type: ignore[arg-type]

    def method_in_force(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """The methods of a trial, and those of their options that the search chose, by key of ``[method]``."""
        method = self.method_of(choices)
        return {name: getattr(method, name) for name in NAMED} | self.space.method.in_force(choices)

    def _check_method_choices(self) -> None:
        """Each option to choose belongs to a method that a trial can have, and is not fixed at the same time."""
        space = self.space.method
        known = dict.fromkeys((*(space.pruning or (self.method.pruning,)),))
        known |= dict.fromkeys((*(space.weight_quantizer or (self.method.weight_quantizer,)),))
        for owner, own in space.options.items():
            if owner not in known:
                raise InputError(
                    "space.method: " + unknown_name("pruning method or quantizer of this study", owner, tuple(known))
                )
            for key in own:
                if key in self.method.options.get(owner, {}):
                    name = f"method.{owner}.{key}"
                    raise InputError(f"{name} is fixed, and space.{name} is to be chosen; keep one of them")

    def check_against(self, workload: Workload) -> None:
        """Raise :class:`InputError` where the space names a layer that the network does not have."""
        self.space.check_against(workload)
