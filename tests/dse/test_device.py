"""Training on another device: nothing stays on the CPU, no number changes, and a device that is not there is told."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import dse.baseline_cache
import dse.evaluate
import dse.study_parts
from cost_models import Configuration, InputError
from dse.cli import main
from dse.device import CPU, repeatable, training_device
from dse.evaluate import Job, evaluate, trace_study
from dse.neurons import MEMBRANE_QUANTIZERS
from dse.pruning import PRUNING_METHODS
from dse.quantizers import WEIGHT_QUANTIZERS
from studies import Choices, DesignSpace, Method, State, Study, StudyStore
from studies.study import Training
from studies.study_dict import fingerprint
from tests.dse.simulated_device import DEVICE, MixedDevicesError, OnDevice, SimulatedDevice

#: The plain neuron on both sides: the fused kernel's derivatives differ in the last digits.
PLAIN = {"lif": {"engine": "torch"}}
TRAINING = Training(epochs=2, baseline_epochs=1, batch_size=50, samples_per_epoch=100)


def study_of(method: Method) -> Study:
    return Study("device", method=method, space=DesignSpace(time_steps=Choices((2,))), training=TRAINING)


def methods() -> dict[str, Method]:
    """Every pruning method, and on the way every quantiser of weights and membranes."""
    options: dict[str, dict[str, Any]] = {name: {} for name in PRUNING_METHODS}
    options |= {f"spatial_channel {level}": {"spatial_channel": {"level": level}} for level in ("predictor", "gate")}
    options["none learning"] = {"lif": {**PLAIN["lif"], "learn_threshold": True, "reset": "soft"}}
    weights, membranes = itertools.cycle(WEIGHT_QUANTIZERS), itertools.cycle(MEMBRANE_QUANTIZERS)
    assert len(options) >= max(len(WEIGHT_QUANTIZERS), len(MEMBRANE_QUANTIZERS))
    return {
        name: Method(name.split()[0], next(weights), next(membranes), options={**PLAIN, **own})
        for name, own in options.items()
    }


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> SimulatedDevice:
    """The simulated device knows no fused optimiser and no inference mode: both sides go without."""
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda *args, fused, **options: adam(*args, foreach=False, **options))
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    return SimulatedDevice()


#: One of each kind; the others are slow for their number only.
QUICK = ("magnitude", "admm", "autoprune", "spatial_channel predictor", "none learning")


@pytest.mark.parametrize(
    "method",
    [pytest.param(own, id=name, marks=[] if name in QUICK else pytest.mark.slow) for name, own in methods().items()],
)
def test_a_trial_on_another_device_is_the_trial_on_the_cpu(
    method: Method, simulated: SimulatedDevice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = study_of(method)
    workload = trace_study(study)
    ratio = 0.0 if method.pruning == "none" else 0.4
    asked = Configuration.uniform(workload, pruning_ratio=ratio, weight_bits=4, membrane_bits=2, time_steps=2)
    if method.pruning == "spatial_channel":  # which cannot do all layers
        spared = ("fc1", "fc2")
        budgets = [replace(b, pruning_ratio=0.0) if b.layer in spared else b for b in asked.budgets]
        asked = replace(asked, budgets=tuple(budgets))
    results = []
    for device in (CPU, DEVICE):
        monkeypatch.setenv("DSE_CACHE", str(tmp_path / device.type))
        for module in (dse.evaluate, dse.study_parts, dse.baseline_cache):
            monkeypatch.setattr(module, "training_device", lambda name, device=device: device)
        before = simulated.operations
        with simulated:
            result = evaluate(Job(study, asked, 3, 0, curve=True))
        assert result.state is State.COMPLETE, result.reason
        assert (simulated.operations > before) == (device == DEVICE)
        results.append(replace(result, seconds=0.0))
    assert results[0] == results[1]


def test_the_simulated_device_refuses_what_a_gpu_would() -> None:
    with SimulatedDevice():
        there, here = torch.ones(3).to(DEVICE), torch.ones(3)
        assert isinstance(there, OnDevice)
        assert there.sum().item() == 3.0
        assert torch.equal((there * 2.0).cpu(), here * 2)
        with pytest.raises(MixedDevicesError, match="tensors of both devices"):
            there + here
        with pytest.raises((RuntimeError, TypeError)):
            there.numpy()


def test_auto_is_the_cpu_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training_device("auto") == training_device("cpu") == CPU


def test_auto_is_the_first_of_two_cuda_devices_and_a_third_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert training_device("auto") == training_device("cuda") == torch.device("cuda:0")
    assert training_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match=r"training.device is 'cuda:2'; this machine has cpu, cuda:0, cuda:1"):
        training_device("cuda:2")


def test_a_device_that_is_not_there_is_told_in_one_sentence_before_anything_is_stored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    database = tmp_path / "dse.db"
    assert main(["run", "digits", "--set", "training.device=cuda", "--storage", f"sqlite:///{database}"]) == 2
    assert "training.device is 'cuda'; this machine has cpu\n" in capsys.readouterr().err
    assert not database.exists()


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "CPU", 0])
def test_what_is_no_device_is_refused(name: object) -> None:
    with pytest.raises(InputError, match=r"training\.device is "):
        Training(device=name)  # type: ignore[arg-type]


def test_a_study_may_go_on_on_another_device(tmp_path: Path) -> None:
    one = study_of(Method())
    other = replace(one, training=replace(one.training, device="cuda:1"))
    assert fingerprint(one) == fingerprint(other)
    with StudyStore(f"sqlite:///{tmp_path / 'dse.db'}") as store:
        store.create(one)
        store.create(other)
        assert store.study("device").training.device == "cuda:1"


def test_a_float_network_of_another_device_is_another_one_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    study, key = study_of(Method()), dse.baseline_cache.baseline_key
    on_cpu = key(study, "data", 2)
    assert key(replace(study, training=replace(study.training, device="cpu")), "data", 2) == on_cpu
    monkeypatch.setattr(dse.baseline_cache, "training_device", lambda name: torch.device("mps"))
    assert key(study, "data", 2) != on_cpu


def test_repeatable_kernels_are_asked_for_inside_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cudnn = torch.backends.cudnn

    def asked() -> tuple[bool, ...]:
        return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.allow_tf32, cudnn.enabled

    before = asked()
    with repeatable(CPU):
        assert asked() == before
    with repeatable(torch.device("cuda", 0)):
        assert asked() == (True, True, False, True)
    assert asked() == before
