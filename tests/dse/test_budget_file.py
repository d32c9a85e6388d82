"""Budget files: what is written can be read back, whatever the layers are called."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cost_models import TERNARY, Configuration, InputError, LayerBudget
from dse.budget_file import FORMATS, budget_text, csv_text, format_of, read_budget
from studies.text_file import write_atomically

budgets = st.builds(
    LayerBudget,
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=20),
    st.floats(0, 0.999),
    st.sampled_from([1, 2, 4, TERNARY, 32]),
    st.none() | st.sampled_from([TERNARY, 3, 32]),
    st.sampled_from(["weight", "channel"]),
)
configurations = st.lists(budgets, min_size=1, max_size=5, unique_by=lambda budget: budget.layer).map(
    lambda made: Configuration(tuple(made), 3)
)
PLAIN = Configuration((LayerBudget("conv1", 0.5, 4, 3), LayerBudget("fc", 0.0, 8)), 2)


def document(configuration: Configuration) -> dict[str, Any]:
    layers = {name: {**layer, "input_density": 0.25} for name, layer in configuration.to_dict()["layers"].items()}
    return {
        "study": 'a, "study"',
        "trial": 4,
        "network": "spiking_cnn",
        "input_shape": [1, 8, 8],
        "hardware": "edge_asic_45nm",
        "accuracy_validation": 0.97,
        "accuracy_test": None,
        "time_steps": configuration.time_steps,
        "cost": {"memory_bytes": 12.5},
        "layers": layers,
    }


@pytest.mark.parametrize("form", FORMATS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(configuration=configurations)
def test_a_budget_is_read_back_as_it_was_written(form: str, tmp_path: Path, configuration: Configuration) -> None:
    path = tmp_path / f"budget.{form}"
    write_atomically(path, budget_text(document(configuration), form))
    read = read_budget(path)
    assert read.configuration == configuration
    assert read.densities == dict.fromkeys(configuration.layers, 0.25)
    assert (read.network, read.input_shape, read.hardware) == ("spiking_cnn", (1, 8, 8), "edge_asic_45nm")


def test_toml_quotes_a_layer_name_with_dots() -> None:
    made = Configuration((LayerBudget("features.0", 0.5, 4),))
    assert tomllib.loads(budget_text(document(made), "toml"))["layers"]["features.0"]["weight_bits"] == 4


def test_toml_leaves_out_what_there_is_not() -> None:
    read = tomllib.loads(budget_text(document(PLAIN), "toml"))
    assert "accuracy_test" not in read
    assert "membrane_bits" not in read["layers"]["fc"]


def test_a_csv_budget_has_one_row_a_layer() -> None:
    rows = list(csv.DictReader(budget_text(document(PLAIN), "csv").splitlines()))
    assert [(row["layer"], row["pruning_ratio"], row["membrane_bits"]) for row in rows] == [
        ("conv1", "0.5", "3"),
        ("fc", "0.0", ""),
    ]


def test_the_format_is_the_one_asked_for_else_that_of_the_file() -> None:
    assert format_of(Path("a.JSON"), None) == "json"
    assert format_of(Path("a.json"), "csv") == "csv"
    assert format_of(Path("a.txt"), None) == "toml"
    with pytest.raises(InputError, match="did you mean 'toml'"):
        format_of(None, "tom")


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("b.toml", "time_steps = ", "not a TOML file"),
        ("b.json", "{", "not a JSON file"),
        ("b.json", "[1]", "a budget is a table"),
        ("b.toml", "time_step = 1\n[layers.fc]\n", "did you mean 'time_steps'"),
        ("b.toml", "[layers.fc]\nweight_bit = 2\n", "did you mean 'weight_bits'"),
        ("b.toml", "[layers.fc]\nweight_bits = 2.5\n", "bit widths"),
        ("b.toml", "[layers.fc]\ninput_density = 'much'\n", "input_density"),
        ("b.toml", "input_shape = '1x8'\n[layers.fc]\n", "input_shape"),
        ("b.toml", "hardware = 4\n[layers.fc]\n", "hardware"),
        ("b.toml", "time_steps = 2\n", "layers"),
        ("b.csv", "layer,weight_bit\nfc,2\n", "did you mean 'weight_bits'"),
        ("b.csv", "layer,weight_bits\n", "no layer"),
        ("b.csv", "weight_bits\n3\n", "no column 'layer'"),
        ("b.csv", "layer,weight_bits\nfc,3\nfc,4\n", "two rows"),
        ("b.csv", "layer,weight_bits\nfc,3,4\n", "column"),
    ],
)
def test_a_wrong_budget_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, text: str, part: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=part) as caught:
        read_budget(path)
    assert name in str(caught.value)


def test_a_missing_and_a_binary_budget_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_budget(tmp_path / "none.toml")
    (tmp_path / "image.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_budget(tmp_path / "image.toml")


def test_writing_into_a_missing_folder_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        write_atomically(tmp_path / "none" / "b.toml", "x")
    with pytest.raises(InputError, match="it is a folder"):
        write_atomically(tmp_path, "x")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a directory"):
        write_atomically(tmp_path / "file" / "b.toml", "x")


def test_an_existing_file_is_replaced_through_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.toml", tmp_path / "link.toml"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


def test_csv_has_the_columns_of_every_row() -> None:
    assert csv_text([{"a": 1}, {"a": None, "b": "x,y"}]) == 'a,b\n1,\n,"x,y"\n'


def test_json_keeps_null(tmp_path: Path) -> None:
    assert json.loads(budget_text(document(PLAIN), "json"))["layers"]["fc"]["membrane_bits"] is None
