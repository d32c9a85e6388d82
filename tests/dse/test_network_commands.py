"""The commands that need no storage: costs of a network, and what a study file can name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cost_models import (
    OPERATION_CONVENTIONS,
    Configuration,
    break_even,
    estimate,
    hardware_names,
    load_hardware,
    spiking_against_dense,
)
from dse.cli import main
from dse.export import EXPORT_FORMATS
from dse.network_cost import Compression, network_workload, parse_shape, with_activity
from dse.networks import NETWORKS, build_network
from dse.search import ENGINES
from dse.tasks import TASKS

LAYER = {
    "name", "kind", "macs_dense", "macs", "synops", "parameters", "parameters_kept", "neurons", "pruning_ratio",
    "weight_bits", "membrane_bits", "storage_format", "weight_memory_bytes", "index_memory_bytes",
    "membrane_memory_bytes", "break_even_pruning_ratio", "energy_joules", "latency_seconds",
}  # fmt: skip
OWN = """
from torch import nn

def network():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))

def broken():
    raise RuntimeError("no weights today")

ready = network()
"""


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(answer(capsys, *words, "--json"))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    return captured.err


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_the_cost_as_json_has_the_public_shape(capsys: pytest.CaptureFixture[str]) -> None:
    cost = document(capsys, "cost", "spiking_cnn", "--input", "1x8x8")
    assert list(cost)[:5] == ["network", "hardware", "time_steps", "layers", "total"]
    assert set(cost["layers"][0]) == LAYER
    assert cost["total"]["energy_joules"] == pytest.approx(sum(layer["energy_joules"] for layer in cost["layers"]))


def test_parameters_are_those_of_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    network = build_network("spiking_cnn", (1, 8, 8), 7)
    cost = document(capsys, "cost", "spiking_cnn", "--input", "1x8x8", "--classes", "7")
    assert cost["total"]["parameters"] == sum(parameter.numel() for parameter in network.parameters())


def test_a_built_in_network_is_taken_for_its_own_input_where_none_is_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shape = "x".join(map(str, NETWORKS["lenet_300_100"].input_shape))
    alone = document(capsys, "cost", "lenet_300_100")
    assert alone == document(capsys, "cost", "lenet_300_100", "--input", shape)


def test_options_compress_every_layer(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--pruning-ratio", "0.9", "--weight-bits", "4", "--membrane-bits", "1.58", "--time-steps", "2"]
    found = document(capsys, "cost", "spiking_cnn", "--input", "1x8x8", *words, "--spike-rate", "0.1")
    workload = with_activity(network_workload("spiking_cnn", (1, 8, 8), 10), 0.1, {})[0]
    asked = Configuration.uniform(workload, pruning_ratio=0.9, weight_bits=4, membrane_bits=1.58, time_steps=2)
    expected = estimate(workload, asked, load_hardware("edge_asic_45nm")).to_dict()
    assert {key: found[key] for key in expected} == json.loads(json.dumps(expected))


def test_operations_are_told_as_published_work_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cost", "spiking_cnn", "--input", "1x8x8", "--spike-rate", "0.1", "--pruning-ratio", "0.5"]
    found = document(capsys, *words)
    assert set(found["operation_counts"]) == set(OPERATION_CONVENTIONS)
    assert found["operation_counts"]["dense MACs"] == found["total"]["macs_dense"]
    assert found["operation_counts"]["effective ACs"] == pytest.approx(found["total"]["synops"])
    assert "kept-dense FLOPs" in answer(capsys, *words)


def test_the_storage_format_can_be_fixed(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cost", "lenet_300_100", "--pruning-ratio", "0.9", "--weight-bits", "4"]
    fixed = document(capsys, *words, "--storage-format", "csc")
    assert {layer["storage_format"] for layer in fixed["layers"]} == {"csc"}
    two = document(capsys, *words, "--storage-format", "csc", "--storage-format", "bitmap")
    assert two["total"]["memory_bytes"] < fixed["total"]["memory_bytes"]
    assert "did you mean 'bitmap'" in refused(capsys, *words, "--storage-format", "bitmp")


def test_folded_norms_leave_their_shifts_behind(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cost", "spiking_cnn", "--input", "1x8x8"]
    whole, folded = document(capsys, *words), document(capsys, *words, "--fold-norms")
    saved = whole["total"]["weight_memory_bytes"] - folded["total"]["weight_memory_bytes"]
    assert saved == 4 * (16 + 32 + 128)


def test_an_assumed_activity_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "an upper bound" in answer(capsys, "cost", "spiking_cnn", "--input", "1x8x8")
    assert "spike rate 0.2" in answer(capsys, "cost", "spiking_cnn", "--input", "1x8x8", "--spike-rate", "0.2")
    assert "Activity" not in answer(capsys, "cost", "lenet_300_100")


def test_an_own_network_is_priced(capsys: pytest.CaptureFixture[str], own: Path) -> None:
    cost = document(capsys, "cost", "own.py:network", "--input", "6")
    assert [layer["name"] for layer in cost["layers"]] == ["0", "2"]
    assert cost["total"]["macs_dense"] == 6 * 5 + 5 * 3


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["spiking_cn"], "did you mean 'spiking_cnn'"),
        (["spiking_cnn", "--input", "1x3x3"], "1x3x3"),
        (["spiking_cnn", "--input", "large"], "such as 1x28x28"),
        (["spiking_cnn", "--pruning-ratio", "1"], "pruning_ratio"),
        (["spiking_cnn", "--weight-bits", "2.5"], "bit widths"),
        (["spiking_cnn", "--spike-rate", "2"], "--spike-rate"),
        (["spiking_cnn", "--hardware", "edge"], "edge_asic_45nm"),
        (["lenet_300_100", "--time-steps", "4"], "no spiking neurons"),
        (["own.py:network"], "--input"),
        (["own.py:network", "--input", "7"], "7"),
        (["own.py:broken", "--input", "6"], "no weights today"),
        (["own.py:ready", "--input", "6"], "own.py:ready"),
        (["own.py:other", "--input", "6"], "unknown function 'other'"),
        (["gone.py:network", "--input", "6"], "gone.py"),
    ],
)
def test_what_is_wrong_with_a_network_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], own: Path, words: list[str], part: str
) -> None:
    assert part in refused(capsys, "cost", *words)


def test_a_budget_file_sets_configuration_activity_hardware_and_input(
    capsys: pytest.CaptureFixture[str], own: Path
) -> None:
    (own / "b.toml").write_text(
        'time_steps = 1\nhardware = "sata"\ninput_shape = [6]\n'
        "[layers.0]\npruning_ratio = 0.5\nweight_bits = 4\n[layers.2]\nweight_bits = 2\n"
    )
    cost = document(capsys, "cost", "own.py:network", "--budget", "b.toml")
    assert cost["hardware"] == load_hardware("sata").name
    assert [(layer["pruning_ratio"], layer["weight_bits"]) for layer in cost["layers"]] == [(0.5, 4), (0.0, 2)]


def test_a_budget_and_options_for_every_layer_contradict_each_other(
    capsys: pytest.CaptureFixture[str], own: Path
) -> None:
    (own / "b.toml").write_text("[layers.0]\n[layers.2]\n")
    sentence = refused(capsys, "cost", "own.py:network", "--input", "6", "--budget", "b.toml", "--weight-bits", "4")
    assert "--weight-bits" in sentence


def test_a_budget_for_another_network_is_refused(capsys: pytest.CaptureFixture[str], own: Path) -> None:
    (own / "b.toml").write_text("[layers.0]\n[layers.1]\n")
    assert "unknown layer '1'" in refused(capsys, "cost", "own.py:network", "--input", "6", "--budget", "b.toml")


def test_a_budget_found_for_another_size_is_warned_about(capsys: pytest.CaptureFixture[str], own: Path) -> None:
    (own / "b.toml").write_text("[cost]\nparameters = 9\n[layers.0]\n[layers.2]\n")
    assert main(["cost", "own.py:network", "--input", "6", "--budget", "b.toml", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["network"] == "own.py:network"
    assert "9 parameters" in captured.err


def test_break_even_names_time_and_every_format_for_each_layer(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "break-even", "lenet_300_100", "--weight-bits", "4")
    assert [layer["name"] for layer in found["layers"]] == ["fc1", "fc2", "fc3"]
    assert found["layers"][0]["storage"]["bitmap"] == pytest.approx(1 / 4)
    assert found["spiking_against_dense"] is None
    assert [layer["spiking"] for layer in found["layers"]] == [None] * 3


def test_break_even_of_spikes_is_told_for_each_layer_that_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["break-even", "spiking_cnn", "--input", "1x8x8", "--spike-rate", "0.1", "--time-steps", "3"]
    found = document(capsys, *words, "--hardware", "cortex_m7")
    workload = with_activity(network_workload("spiking_cnn", (1, 8, 8), 10), 0.1, {})[0]
    rows = break_even(workload, load_hardware("cortex_m7"), weight_bits=8, membrane_bits=8, time_steps=3)
    for layer, row in zip(found["layers"], rows, strict=True):
        assert layer["spiking"] == (
            row.spiking and {"spike_rate": row.spiking.spike_rate, "most_time_steps": row.spiking.most_time_steps}
        )
    assert found["layers"][0]["spiking"] is None
    assert "Where spikes over 3 steps take no more energy than 2-bit activations once" in answer(capsys, *words)


def test_break_even_prices_one_counterpart_for_the_layers_and_for_the_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["break-even", "spiking_cnn", "--input", "1x8x8", "--time-steps", "4"]
    shown = " ".join(answer(capsys, *words).split())
    assert "take no more energy than 3-bit activations once" in shown
    assert "the same layers without spikes, 3-bit activations once" in shown
    assert document(capsys, *words)["spiking_against_dense"]["activation_bits"] == 3


@pytest.mark.parametrize("steps", [1, 4])
def test_below_the_break_even_spike_rate_spiking_takes_less_energy_than_dense(steps: int) -> None:
    hardware = load_hardware("edge_asic_45nm")
    plain = network_workload("spiking_cnn", (1, 8, 8), 10)
    configuration = Compression(weight_bits=8, membrane_bits=8, time_steps=steps).configuration(plain)
    for rate in (0.0, 0.05, 0.3, 1.0):
        workload = with_activity(plain, rate, {})[0]
        found = spiking_against_dense(workload, configuration, hardware)
        assert found is not None
        cheaper = found.break_even_spike_rate is not None and rate <= found.break_even_spike_rate
        assert (found.spiking_joules <= found.dense_joules) == cheaper


def test_an_ordinary_network_has_nothing_to_compare_with() -> None:
    workload = network_workload("lenet_300_100", None, 10)
    assert spiking_against_dense(workload, Configuration.uniform(workload), load_hardware("edge_asic_45nm")) is None


@pytest.mark.parametrize(("text", "shape"), [("13", (13,)), ("2X34x34", (2, 34, 34)), ("3×8×8", (3, 8, 8))])
def test_a_shape_is_read_as_people_write_it(text: str, shape: tuple[int, ...]) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize("command", ["networks", "datasets", "methods", "hardware"])
def test_what_can_be_named_is_listed_with_a_description(capsys: pytest.CaptureFixture[str], command: str) -> None:
    rows = document(capsys, command)[command]
    shown = answer(capsys, command)
    assert rows
    assert all(row["name"] in shown for row in rows)
    assert all(row["description"] for row in rows if row.get("key") != "search.engine")


def test_what_options_name_is_listed_from_the_registries_that_they_look_into(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINES._entries, "cluster", ENGINES["local"])
    monkeypatch.setitem(EXPORT_FORMATS._entries, "mine", EXPORT_FORMATS["torch"])
    listed = [(row["key"], row["name"]) for row in document(capsys, "methods")["methods"]]
    assert [name for key, name in listed if key == "dse export --format"] == list(EXPORT_FORMATS)
    assert [name for key, name in listed if key == "search.engine"] == list(ENGINES)
    assert [name for key, name in listed if key == "task.kind"] == list(TASKS)
    for command in ("run", "export"):
        assert "see dse methods" in " ".join(answer(capsys, command, "--help").replace("│", " ").split())


def test_hardware_is_shown_with_the_source_of_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    for name in hardware_names():
        shown = document(capsys, "hardware", "show", name)
        assert all(figure["source"] for figure in shown["constants"])
    assert "Horowitz" in answer(capsys, "hardware", "show", "edge_asic_45nm")
