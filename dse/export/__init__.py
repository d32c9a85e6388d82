"""Compressed networks as files to take home, and the table of the formats that can be named."""

from cost_models import Registry
from dse.export.export_format import ExportFormat
from dse.export.packed_format import FIXED_POINT, PACKED
from dse.export.torch_format import TORCH

EXPORT_FORMATS: Registry[ExportFormat] = Registry(
    "export format", {"torch": TORCH, "packed": PACKED, "fixed_point": FIXED_POINT}
)

__all__ = ["EXPORT_FORMATS", "ExportFormat"]
