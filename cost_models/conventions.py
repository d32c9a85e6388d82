"""What is counted and how, where published work differs; one value to hand around instead of hidden habits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cost_models.bits import check_bits
from cost_models.errors import InputError, check_count
from cost_models.hardware import HardwareProfile
from cost_models.memory import STORAGE_FORMATS, FormatBits, check_formats, default_formats, relative_index_bits
from cost_models.registry import unknown_name

EXECUTIONS = ("cheapest", "sparse", "dense")
WEIGHT_TABLES = ("scale", "channel scale", "codebook", "none")


@dataclass(frozen=True, slots=True)
class Conventions:
    """The accounting in force.

    Memory: ``storage_formats``, of which the cheapest is taken for each layer (name one to fix it; None: those of the
    hardware profile, else :func:`cost_models.memory.default_formats`); ``index_bits`` of the relative index (None: the
    best width for each layer); ``weight_table`` beside weights narrower than 32 bits: one "scale" for the layer, one
    for each output "channel scale", a "codebook" of 2^b values, or "none", each entry of
    ``table_bits``; ``parameter_bits`` of biases and of the affine parameters of norms; ``fold_norms``: a norm behind a
    layer costs only the shift that folding leaves, and nothing where the layer has a bias that takes it;
    ``partial_sum_bits``: width of a buffer with one partial sum for each neuron, counted with the membranes (0: none;
    SpQuant-SNN's totals hold one).

    Energy: ``activation_bits`` of activations that are not spikes in a layer with weights narrower than 32 bits (float
    otherwise). ``execution`` "cheapest" runs a pruned layer dense while sparse execution is slower or takes more
    energy; "sparse" runs every pruned layer sparse, as a chip built for sparse layers does; "dense" skips no weight.
    """

    storage_formats: tuple[str, ...] | None = None
    index_bits: int | None = None
    weight_table: str = "scale"
    table_bits: int = 32
    parameter_bits: int = 32
    fold_norms: bool = False
    partial_sum_bits: int = 0
    activation_bits: int = 8
    execution: str = "cheapest"

    def __post_init__(self) -> None:
        if self.storage_formats is not None:
            object.__setattr__(self, "storage_formats", check_formats("storage_formats", self.storage_formats))
        if self.index_bits is not None:
            check_count("index_bits", self.index_bits, at_least=1)
        for count in ("table_bits", "parameter_bits", "partial_sum_bits"):
            check_count(count, getattr(self, count))
        check_bits("activation_bits", self.activation_bits)
        if self.execution not in EXECUTIONS:
            raise InputError(unknown_name("execution", self.execution, EXECUTIONS))
        if self.weight_table not in WEIGHT_TABLES:
            raise InputError(unknown_name("weight table", self.weight_table, WEIGHT_TABLES))

    def formats_on(self, hardware: HardwareProfile) -> tuple[str, ...]:
        """The storage formats that are compared on this hardware."""
        return self.storage_formats or hardware.storage_formats or default_formats()

    def format_bits(self, name: str) -> FormatBits:
        """The function that counts the bits of a storage format under these conventions."""
        if name == "relative index" and self.index_bits is not None:
            return partial(relative_index_bits, index_bits=self.index_bits)
        return STORAGE_FORMATS[name]
