"""The ground floor: what a compressed network costs on given hardware. Pure arithmetic, no torch."""

from cost_models.bits import FULL_PRECISION, TERNARY, check_bits, stored_bits
from cost_models.break_even import (
    LayerBreakEven,
    break_even,
    losing,
    losing_layers,
    overall_speedup,
    restore_to_dense,
    restored,
    storage_break_even,
)
from cost_models.channel_removal import in_whole_channels, live_input_shares, to_whole_channels
from cost_models.configuration import Configuration, LayerBudget
from cost_models.configuration_batch import ConfigurationBatch, CostArrays
from cost_models.conventions import Conventions
from cost_models.errors import InputError
from cost_models.estimate import estimate, estimate_many, estimate_reports
from cost_models.hardware import HardwareProfile, hardware_names, load_hardware
from cost_models.hardware_aware import spend_where_it_pays
from cost_models.mask_memory import mask_bits
from cost_models.memory import STORAGE_FORMATS
from cost_models.operation_conventions import OPERATION_CONVENTIONS
from cost_models.quantities import format_quantity, parse_quantity
from cost_models.registry import Registry, unknown_name
from cost_models.report import CostReport, LayerCost, Totals
from cost_models.sparse_execution import SparseSupport, speed_break_even
from cost_models.spiking_break_even import (
    SpikingAgainstDense,
    SpikingBreakEven,
    spiking_against_dense,
    spiking_break_even,
)
from cost_models.workload import Layer, Workload

__all__ = [
    "FULL_PRECISION",
    "OPERATION_CONVENTIONS",
    "STORAGE_FORMATS",
    "TERNARY",
    "Configuration",
    "ConfigurationBatch",
    "Conventions",
    "CostArrays",
    "CostReport",
    "HardwareProfile",
    "InputError",
    "Layer",
    "LayerBreakEven",
    "LayerBudget",
    "LayerCost",
    "Registry",
    "SparseSupport",
    "SpikingAgainstDense",
    "SpikingBreakEven",
    "Totals",
    "Workload",
    "break_even",
    "check_bits",
    "estimate",
    "estimate_many",
    "estimate_reports",
    "format_quantity",
    "hardware_names",
    "in_whole_channels",
    "live_input_shares",
    "load_hardware",
    "losing",
    "losing_layers",
    "mask_bits",
    "overall_speedup",
    "parse_quantity",
    "restore_to_dense",
    "restored",
    "speed_break_even",
    "spend_where_it_pays",
    "spiking_against_dense",
    "spiking_break_even",
    "storage_break_even",
    "stored_bits",
    "to_whole_channels",
    "unknown_name",
]
