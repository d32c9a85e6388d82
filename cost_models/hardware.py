"""What the hardware can do and what it costs; read from a TOML profile in which every constant names its source."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cost_models.errors import InputError
from cost_models.memory import check_formats
from cost_models.profile_reader import Constant, TableReader
from cost_models.registry import unknown_name
from cost_models.sparse_execution import AreaModel, SparseSupport

_PROFILES = Path(__file__).parent / "profiles"
_WIDTH_RULES = ("interpolate", "next")
_WEIGHT_READS = ("pass", "operation")


@dataclass(frozen=True, slots=True)
class MemoryLevel:
    """One level of the memory hierarchy; an absent limit is infinite."""

    joules_per_bit: float
    bits_per_second: float = math.inf
    capacity_bytes: float = math.inf


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Energy of an integer operation by operand width: rows ``(bits, joules)``, sorted by width.

    ``width_rule`` "interpolate": the datapath has the width at hand (multiply grows with the product of the operand
    widths, add with the width); "next": narrower operands use the next wider listed unit.
    """

    multiply_rows: tuple[tuple[int, float], ...]
    add_rows: tuple[tuple[int, float], ...]
    float_multiply_joules: float
    float_add_joules: float
    width_rule: str = "interpolate"

    def add_joules(self, bits: float) -> float:
        """Energy of one addition of ``bits``-bit integers."""
        return _row_energy(self.add_rows, bits, self.width_rule)

    def multiply_joules(self, bits: float, other_bits: float) -> float:
        """Energy of one multiplication of a ``bits``-bit with an ``other_bits``-bit integer.

        An array multiplier has one cell for each pair of operand bits, so between the rows the energy is linear in the
        product of the widths.
        """
        if self.width_rule == "next":
            return _row_energy(self.multiply_rows, max(bits, other_bits), "next")
        return _row_energy(tuple((b * b, e) for b, e in self.multiply_rows), bits * other_bits, "interpolate")


def _row_energy(rows: tuple[tuple[int, float], ...], width: float, rule: str) -> float:
    if rule == "next":
        return next((energy for bits, energy in rows if bits >= width), rows[-1][1])
    below, at_below = 0.0, 0.0
    for bits, energy in rows:
        if width <= bits:
            return at_below + (energy - at_below) * (width - below) / (bits - below)
        below, at_below = bits, energy
    return at_below * width / below


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """One chip. ``constants`` lists every figure of the profile with its unit and source, for people.

    ``weight_reads`` is "pass" where a weight is fetched from on-chip memory once for each pass over a layer (weights
    are reused across positions) and "operation" where every operation fetches its weight (event-driven chips).
    ``storage_formats`` are those that the chip reads (empty: it does not matter, any of the usual ones).
    """

    name: str
    description: str
    clock_hertz: float
    processing_elements: float
    neuron_updates_per_cycle: float
    arithmetic: Arithmetic
    neuron_adds: float
    neuron_update_joules: float
    register: MemoryLevel
    sram: MemoryLevel
    dram: MemoryLevel
    sparse: SparseSupport
    weight_reads: str = "pass"
    storage_formats: tuple[str, ...] = ()
    constants: tuple[Constant, ...] = ()


def hardware_names() -> tuple[str, ...]:
    """The names of the built-in profiles."""
    return tuple(sorted(path.stem for path in _PROFILES.glob("*.toml")))


def load_hardware(name_or_path: str | Path) -> HardwareProfile:
    """A built-in profile by name, or the user's own TOML file by path; :class:`InputError` says what is wrong."""
    text = str(name_or_path)
    if text in hardware_names():
        return _read(_PROFILES / f"{text}.toml")
    path = Path(text)
    if not text.endswith(".toml") and not path.is_file():
        raise InputError(unknown_name("hardware", text, hardware_names()) + "; or give the path of a .toml profile")
    if not path.is_file():
        raise InputError(f"there is no hardware profile {text}; give a built-in name or the path of an existing file")
    return parse_hardware(_text(path), where=text)


@lru_cache(maxsize=32)
def _read(path: Path) -> HardwareProfile:
    return parse_hardware(_text(path), where=path.name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: cannot be read as a hardware profile ({problem})") from None


def parse_hardware(text: str, *, where: str) -> HardwareProfile:
    """Read a profile from TOML text; ``where`` names it in error sentences."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{where}: not valid TOML ({problem})") from None
    top = TableReader(data, where)
    name = top.text("name")
    description = top.text("description")
    width_rule = top.choice("width_rule", _WIDTH_RULES)
    weight_reads = top.choice("weight_reads", _WEIGHT_READS, default="pass")
    compute, floating, neuron = top.table("compute"), top.table("float"), top.table("neuron")
    memory = top.table("memory")
    formats = memory.names("storage_formats")
    profile = HardwareProfile(
        name=name,
        description=description,
        clock_hertz=top.table("clock").number("frequency", "hertz", above=0.0),
        processing_elements=compute.number("processing_elements", "per_cycle", above=0.0),
        neuron_updates_per_cycle=compute.number("neuron_updates", "per_cycle", above=0.0),
        arithmetic=Arithmetic(
            multiply_rows=top.width_rows("multiply"),
            add_rows=top.width_rows("add"),
            float_multiply_joules=floating.number("multiply", "joules"),
            float_add_joules=floating.number("add", "joules"),
            width_rule=width_rule,
        ),
        neuron_adds=neuron.number("adds", "count", default=0.0),
        neuron_update_joules=neuron.number("update", "joules", default=0.0),
        register=_level(memory.table("register")),
        sram=_level(memory.table("sram")),
        dram=_level(memory.table("dram")),
        sparse=_sparse(top.table("sparse")),
        weight_reads=weight_reads,
        storage_formats=check_formats(f"{where}: memory.storage_formats", formats) if formats else (),
        constants=tuple(top.constants),
    )
    top.refuse_unread()
    return profile


def _level(table: TableReader) -> MemoryLevel:
    return MemoryLevel(
        table.number("energy", "joules_per_bit"),
        table.number("bandwidth", "bits_per_second", default=math.inf, above=0.0),
        table.number("capacity", "bytes", default=math.inf, above=0.0),
    )


def _sparse(table: TableReader) -> SparseSupport:
    return SparseSupport(
        zero_weights=table.truth("zero_weights"),
        zero_inputs=table.truth("zero_inputs"),
        index_decode_joules=table.number("index_decode", "joules", default=0.0),
        clock_ratio=table.number("clock_ratio", "ratio", default=1.0, above=0.0, at_most=1.0),
        element_ratio=table.number("element_ratio", "ratio", default=1.0, above=0.0, at_most=1.0),
        load_balance=table.number("load_balance", "ratio", default=1.0, above=0.0, at_most=1.0),
        area=_area(table.table("area")) if table.has("area") else None,
        measured_speedup=table.points("measured_speedup"),
    )


def _area(table: TableReader) -> AreaModel:
    return AreaModel(
        weight_share=table.number("weight_share", "ratio", above=0.0, at_most=0.95),
        feature_share=table.number("feature_share", "ratio", at_most=0.95),
        weight_bits=int(table.number("weight_bits", "bits", above=0.0, at_most=32)),
        index_bits=int(table.number("index_bits", "bits", above=0.0, at_most=16)),
        element_area=table.number("element_area", "ratio", above=0.0),
        clock_ratio=table.number("clock_ratio", "ratio", above=0.0, at_most=1.0),
    )
