"""What is wrong with the user's input is one sentence and exit code 2, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.baseline_cache import save_state
from dse.cli import main
from studies import load_study

NETWORK = """
import torch
from torch import nn

def fails(input_shape):
    raise ValueError("boom")

def wants_more(depth):
    return nn.Linear(1, 1)

class Pair(nn.Module):
    def __init__(self, input_shape, classes):
        super().__init__()
        self.fc = nn.Linear(64, classes)
    def forward(self, x):
        return self.fc(x.flatten(1)), 1
"""
DATA = """
import torch
from torch.utils.data import TensorDataset

def no_test():
    images = torch.zeros(20, 1, 4, 4)
    labels = torch.arange(20) % 2
    return TensorDataset(images, labels), TensorDataset(images[:0], labels[:0])

def few():
    images = torch.zeros(4, 1, 8, 8)
    labels = torch.arange(4) // 2
    return TensorDataset(images, labels), TensorDataset(images, labels)
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dse.evaluate.train", None)  # nothing may be trained
    Path("n.py").write_text(NETWORK)
    Path("d.py").write_text(DATA)
    Path("leaves.py").write_text("raise SystemExit(3)")
    Path("deep.json").write_text("[" * 100_000)
    Path("wide.csv").write_text("layer,weight_bits\nconv1,4,7\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "digits", "--set", "space.weight_bits=[nan]"], "space.weight_bits is nan; bit widths are"),
        (["run", "digits", "--set", "space.membrane_bits=[inf]"], "space.membrane_bits is inf; bit widths are"),
        (["cost", "spiking_cnn", "--weight-bits", "nan"], "weight_bits is nan"),
        (["break-even", "spiking_cnn", "--weight-bits", "nan"], "--weight-bits is nan"),
        (["run", "digits", "--set", "task.network=n.py:fails"], "n.py:fails cannot be made: ValueError: boom"),
        (["run", "digits", "--set", "task.network=n.py:wants_more"], "'depth'"),
        (["run", "digits", "--set", "task.network=os.path:join"], "os.path:join cannot be made: TypeError"),
        (["run", "digits", "--set", "task.network=n.py:Pair"], "returns tuple; its forward returns one tensor"),
        (["run", "digits", "--set", "task.network=leaves.py:x"], "cannot be loaded: SystemExit: 3"),
        (["run", "digits", "--set", "task.dataset=d.py:no_test"], "d.py:no_test: test is empty"),
        (["run", "digits", "--set", "task.dataset=d.py:few", "--set", "training.validation_fraction=0.99"], "d.py:few"),
        (["run", "digits", "--set", "space.method.pruning=[]"], "space.method.pruning is an empty list"),
        (["run", "digits", "--set", 'space.method.weight_quantizer=["uniform","uniform"]'], "'uniform' 2 times"),
        (["run", "digits", "--set", "method.lif.leak=7"], "method.lif.leak is 7"),
        (["run", ""], "the study is an empty text"),
        (["cost", "spiking_cnn", "--budget", "deep.json"], "nested too deeply"),
        (["cost", "spiking_cnn", "--budget", "wide.csv"], "line 2 has more cells than the header"),
        (["cost", "spiking_cnn", "--input", "1x99999999x99999999"], "cannot be run on an input of 1x99999999x99999999"),
    ],
)
def test_one_sentence_names_it(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("dse: ") == 1


def test_a_cache_that_is_no_folder_only_means_training_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import nn

    Path("file").write_text("")
    monkeypatch.setenv("DSE_CACHE", "file")
    save_state(nn.Linear(1, 1), "key")


def test_names_in_a_study_may_stand_alone() -> None:
    study = load_study("digits", ["space.method.pruning=magnitude"])
    assert study.space.method.pruning == ("magnitude",)
