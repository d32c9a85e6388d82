"""What a user takes home is the network that was searched: exported, read back, measured again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dse.cli import main
from dse.networks import build_network
from studies import StudyStore

STUDY = """
name = "small"
[space]
pruning_ratio = 0.5
weight_bits = 4
membrane_bits = 2
time_steps = 2
[training]
epochs = 1
baseline_epochs = 2
[search]
sampler = "random"
trials = 1
seeds_on_front = 1
"""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("study")
    (folder / "small.toml").write_text(STUDY)
    url = f"sqlite:///{folder / 'small.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSE_CACHE", str(tmp_path_factory.getbasetemp() / "dse-cache"))
        assert main(["run", str(folder / "small.toml"), "--storage", url, "--json"]) == 0
    return url


def exported(storage: str, folder: Path, form: str, trial: str = "0") -> int:
    return main(["export", "small", trial, "--format", form, "-o", str(folder), "--storage", storage, "--json"])


@pytest.fixture(scope="module")
def export_of_torch(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "home"
    assert exported(storage, folder, "torch") == 0
    return folder


@pytest.mark.parametrize("form", ["torch", "packed"])
def test_an_exported_network_is_the_searched_one_and_is_verified(
    storage: str, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(storage, tmp_path / "home", form) == 0
    manifest = json.loads(capsys.readouterr().out)
    with StudyStore(storage) as store:
        trial = store.results("small").evaluation(0)
    assert manifest["reproduced"] is True
    assert manifest["accuracy_validation"] == trial.value("validation")
    assert manifest["measured"]["accuracy"] == trial.value("test")
    assert main(["verify", str(tmp_path / "home"), "--json"]) == 0
    verified = json.loads(capsys.readouterr().out)
    assert verified["as_exported"] is True
    assert verified["samples"] == 360
    assert {key: verified[key] for key in ("accuracy", "spikes")} == {
        key: manifest["measured"][key] for key in ("accuracy", "spikes")
    }


def test_both_formats_spike_alike_and_packed_weights_take_what_the_cost_model_charges(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifests = {}
    for form in ("torch", "packed"):
        assert exported(storage, tmp_path / form, form) == 0
        manifests[form] = json.loads(capsys.readouterr().out)
    assert manifests["torch"]["measured"] == manifests["packed"]["measured"]
    model = manifests["packed"]["cost_model_bytes"]
    charged = model["weight_memory_bytes"] + model["index_memory_bytes"]
    # Half of the weights at 4 bits: dense codes, a bitmap or an index come close to one another.
    assert 0.8 < manifests["packed"]["bytes"]["weight codes"] / charged < 1.25


def test_the_torch_format_loads_into_what_the_factory_returns(storage: str, tmp_path: Path) -> None:
    assert exported(storage, tmp_path / "home", "torch") == 0
    network = build_network("spiking_cnn", (1, 8, 8), 10)
    network.body.load_state_dict(load_file(tmp_path / "home" / "weights.safetensors"))  # type: ignore[union-attr]
    weights = network.body.conv2.weight  # type: ignore[union-attr]
    assert len(torch.unique(weights)) <= 15
    assert float((weights == 0).float().mean()) >= 0.5


def test_a_packed_export_holds_whole_numbers_alone(storage: str, tmp_path: Path) -> None:
    from safetensors.numpy import load_file as load_arrays

    assert exported(storage, tmp_path / "home", "packed") == 0
    arrays = load_arrays(tmp_path / "home" / "integers.safetensors")
    assert {array.dtype.kind for array in arrays.values()} == {"i", "u"}
    assert np.sum([array.nbytes for array in arrays.values()]) > 0


def test_a_damaged_export_is_named(storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(storage, tmp_path / "home", "packed") == 0
    path = tmp_path / "home" / "integers.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["verify", str(tmp_path / "home")]) == 2
    assert "integers.safetensors is absent or not what was exported" in capsys.readouterr().err


def test_another_number_in_the_manifest_is_a_difference(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(storage, tmp_path / "home", "packed") == 0
    path = tmp_path / "home" / "export.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"measured": manifest["measured"] | {"spikes": 7}}))
    capsys.readouterr()
    assert main(["verify", str(tmp_path / "home")]) == 1
    assert "not 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0", "--format", "onnx"], "unknown export format 'onnx'; known: fixed_point, packed, torch"),
        (["baseline", "--format", "packed"], "layer 'conv1' has float weights"),
        (["9", "--format", "torch"], "9"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence_and_leaves_nothing(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    folder = tmp_path / "home"
    assert main(["export", "small", *words, "-o", str(folder), "--storage", storage]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_export_is_never_replaced(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("ours")
    assert exported(storage, tmp_path, "packed") == 2
    assert "exists and is no export" in capsys.readouterr().err
    assert (tmp_path / "thesis.tex").read_text() == "ours"


def test_the_fixed_point_format_needs_two_constants_a_channel_and_is_verified(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(storage, tmp_path / "home", "fixed_point") == 0
    manifest = json.loads(capsys.readouterr().out)
    with StudyStore(storage) as store:
        searched = store.results("small").evaluation(0).value("test")
    assert searched is not None
    assert manifest["measured"]["accuracy"] > searched - 0.05
    assert "threshold tables" not in manifest["bytes"]
    assert manifest["bytes"]["constants"] <= 2 * 4 * (16 + 32 + 128)
    assert main(["verify", str(tmp_path / "home")]) == 0


OWN_NETWORK = """
from pathlib import Path
from torch import nn
import dse

Path(__file__).with_suffix(".ran").touch()


def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), dse.LIF(), nn.Linear(16, 10))
"""
OWN_DATA = """
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

Path(__file__).with_suffix(".ran").touch()


def data():
    draw = torch.Generator().manual_seed(0)
    part = TensorDataset(torch.rand(64, 1, 8, 8, generator=draw), torch.arange(64) % 10)
    return part, part
"""


@pytest.mark.parametrize("key", ["network", "dataset"])
@pytest.mark.parametrize("code", ["evil.py:network", "evil:network"])
def test_code_that_a_manifest_names_is_not_run_unless_it_is_trusted(
    storage: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exported(storage, tmp_path / "home", "torch") == 0
    (tmp_path / "evil.py").write_text(OWN_NETWORK)
    path = tmp_path / "home" / "export.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: code}))
    capsys.readouterr()
    assert main(["verify", "home"]) == 2
    error = capsys.readouterr().err
    assert code in error
    assert "--trust-code" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "evil.ran").exists()


def test_an_honest_export_of_an_own_network_and_own_data_is_verified_once_its_code_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.py").write_text(OWN_NETWORK)
    (tmp_path / "ours.py").write_text(OWN_DATA)
    task = '[task]\nnetwork = "mine.py:network"\ndataset = "ours.py:data"\n[space]'
    (tmp_path / "small.toml").write_text(STUDY.replace("[space]", task))
    url = f"sqlite:///{tmp_path / 'own.db'}"
    assert main(["run", "small.toml", "--storage", url, "--json"]) == 0
    assert exported(url, tmp_path / "home", "torch") == 0
    capsys.readouterr()
    assert main(["verify", "home"]) == 2
    assert "mine.py:network" in capsys.readouterr().err
    assert main(["verify", "home", "--trust-code"]) == 0
    assert "All as exported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("study", None, "lacks study"),
        ("trial", None, "lacks trial"),
        ("cost_model_bytes", None, "lacks cost_model_bytes"),
        ("measured", None, "lacks measured"),
        ("bytes", None, "lacks bytes"),
        ("neurons", "zzz", "neurons is 'zzz'; it is a table of tables"),
        ("measured", "zzz", "measured is 'zzz'; it is a table"),
        ("measured", {"samples": 360, "accuracy": 0.5}, "lacks measured.spikes"),
        ("bytes", {"float weights": "zzz"}, "it is a table of numbers of bytes"),
        ("cost_model_bytes", {}, "lacks cost_model_bytes.weight_memory_bytes"),
        ("input_shape", "zzz", "input_shape is 'zzz'; it is a list of whole numbers"),
        ("classes", "zzz", "classes is 'zzz'; it is a whole number of at least 1"),
        ("events", [], "events is []; it is a table"),
        ("neurons", {"lif1": {"leak": "zzz"}}, "no spiking neurons 'lif1'"),
        ("format", "onnx", "unknown export format 'onnx'"),
    ],
)
def test_a_manifest_that_was_edited_is_one_sentence_about_the_field(
    export_of_torch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: object, said: str
) -> None:
    shutil.copytree(export_of_torch, tmp_path / "home")
    path = tmp_path / "home" / "export.json"
    manifest = json.loads(path.read_text())
    manifest.pop(key)
    path.write_text(json.dumps(manifest if value is None else manifest | {key: value}))
    assert main(["verify", str(tmp_path / "home")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_file_of_others_in_an_export_is_kept_and_named_before_anything_is_trained(
    storage: str, export_of_torch: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dse.export.trial.network_of", None)  # training would fail
    shutil.copytree(export_of_torch, tmp_path / "home")
    (tmp_path / "home" / "notes.txt").write_text("ours")
    assert exported(storage, tmp_path / "home", "torch") == 2
    assert "'notes.txt', which would be lost" in capsys.readouterr().err
    assert (tmp_path / "home" / "notes.txt").read_text() == "ours"


def test_a_file_of_that_name_does_not_make_a_folder_an_export(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("export.json", "thesis.tex"):
        (tmp_path / name).write_text("{}")
    assert exported(storage, tmp_path, "torch") == 2
    assert "it holds 'export.json'" in capsys.readouterr().err
    assert (tmp_path / "thesis.tex").exists()


def test_an_export_behind_a_link_is_replaced_and_the_link_stays(
    storage: str, export_of_torch: Path, tmp_path: Path
) -> None:
    shutil.copytree(export_of_torch, tmp_path / "home")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert exported(storage, tmp_path / "link", "packed") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "link"]
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "home" / "integers.safetensors").is_file()
    assert not (tmp_path / "home" / "weights.safetensors").exists()


def test_the_current_folder_is_no_place_for_an_export(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exported(storage, Path(), "torch") == 2
    assert "'.' is the current folder" in capsys.readouterr().err


def test_float_weights_are_refused_for_whole_numbers_before_training(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dse.export.trial.network_of", None)  # training would fail
    assert exported(storage, tmp_path / "home", "packed", "baseline") == 2
    assert "the uncompressed network has no integer form: layer 'conv1'" in capsys.readouterr().err
