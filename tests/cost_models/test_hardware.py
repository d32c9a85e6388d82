"""Profiles: every figure has a source, and a wrong profile is refused with the key named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cost_models import (
    Configuration,
    Conventions,
    InputError,
    Layer,
    Workload,
    estimate,
    hardware_names,
    load_hardware,
)
from cost_models import hardware as hardware_module

PROFILES = Path(hardware_module.__file__).parent / "profiles"
TEXT = (PROFILES / "edge_asic_45nm.toml").read_text(encoding="utf-8")
FORMATS = '[memory]\nstorage_formats = { value = ["bitmap"], source = "ours: its decoder" }\n'


@pytest.mark.parametrize("name", hardware_names())
def test_every_built_in_profile_loads_and_cites_each_constant(name: str) -> None:
    profile = load_hardware(name)
    assert profile.name == name
    assert profile.constants
    assert all(constant.source.strip() for constant in profile.constants)


def test_units_are_converted() -> None:
    profile = load_hardware("edge_asic_45nm")
    assert profile.clock_hertz == 500e6
    assert profile.arithmetic.float_add_joules == 0.9e-12
    assert profile.sram.capacity_bytes == 256 * 1024


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('value = 500, unit = "MHz"', 'value = -1, unit = "MHz"', "clock.frequency"),
        ('unit = "MHz", source = "ours', 'unit = "MHz", sauce = "ours', "clock.frequency.*sauce.*source"),
        ("frequency", "frequenzy", "clock.frequency is missing"),
        ('unit = "MHz"', 'unit = "MJ"', "clock.frequency.*hertz"),
        ("[neuron]", "[neurone]", "neurone.*did you mean 'neuron'"),
        ("bits = 8\n", 'bits = "8"\n', "multiply.0..bits"),
        ('width_rule = "interpolate"', 'width_rule = "guess"', "width_rule is 'guess'"),
        ("[memory.dram]", FORMATS.replace("bitmap", "bitmp") + "[memory.dram]", "memory.storage_formats.*'bitmap'"),
        ("[memory.dram]", FORMATS.replace('["bitmap"]', "3") + "[memory.dram]", "memory.storage_formats.value is 3"),
        ("[sparse]\n", "[sparse]\nclock_ratio = 0.9\n", "not valid TOML|sparse.clock_ratio"),
        ("value = 0.9, unit", "value = 1.9, unit", "at most 1"),
        ("{ value = true, source", '{ value = "yes", source', "sparse.zero_weights"),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_refused_with_the_key_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in TEXT
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        load_hardware(str(path))


def test_an_own_profile_is_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace('name = "edge_asic_45nm"', 'name = "mine"'), encoding="utf-8")
    assert load_hardware(path).name == "mine"


def test_a_chip_that_reads_one_storage_format_gets_every_layer_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace("[memory.dram]", FORMATS + "[memory.dram]"), encoding="utf-8")
    workload = Workload("one", (100,), (Layer("fc", "linear", (100, 100)),))
    pruned = Configuration.uniform(workload, pruning_ratio=0.99, weight_bits=8)
    assert estimate(workload, pruned, load_hardware(path))["fc"].storage_format == "bitmap"
    assert estimate(workload, pruned, load_hardware("edge_asic_45nm"))["fc"].storage_format != "bitmap"
    csr = Conventions(("csr",))
    assert estimate(workload, pruned, load_hardware(path), conventions=csr)["fc"].storage_format == "csr"


def test_a_misspelt_name_is_met_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'edge_asic_45nm'"):
        load_hardware("edge_asic_45mm")
