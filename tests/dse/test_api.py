from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dse
from cost_models import InputError
from dse.api import reference_of
from dse.search import run as search_run
from studies import Choices, DesignSpace, StudyResults, StudyStore
from tests.dse.search import synthetic
from tests.dse.search.synthetic import SPACE, make_study

SPACE_TABLE = {
    "pruning_ratio": [0.0, 0.3, 0.6, 0.9],
    "weight_bits": [2, 4, 8],
    "membrane_bits": [2, 4, 8],
    "time_steps": [1, 2, 4],
}


def make_network() -> None:
    """Stands for a user's factory; the synthetic evaluation never calls it."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture(autouse=True)
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    without = functools.partial(
        search_run.run_study,
        evaluate=synthetic.evaluate,
        baseline=synthetic.baseline,
        trace_study=synthetic.trace_study,
        mirror=False,
    )
    monkeypatch.setattr(search_run, "run_study", without)


def explore(url: str, **settings: Any) -> dse.Result:
    given: dict[str, Any] = {
        "network": "spiking_cnn",
        "data": "digits",
        "space": SPACE_TABLE,
        "search": {"trials": 8, "sampler": "random", "seeds_on_front": 1},
        "storage": url,
    }
    return dse.explore(**{**given, **settings})


def test_importing_dse_loads_neither_torch_nor_optuna() -> None:
    code = "import sys, dse; assert not {'torch', 'optuna'} & sys.modules.keys(), 'heavy'; dir(dse)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_every_public_name_can_be_loaded() -> None:
    assert all(getattr(dse, name) is not None for name in dse.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explode'"):
        dse.explode  # noqa: B018


def test_trace_is_the_function_even_after_its_module_was_imported() -> None:
    import importlib

    importlib.import_module("dse.trace")
    assert callable(dse.trace)


def test_run_takes_a_study_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n[space]\nweight_bits = [2, 4]\n[search]\nsampler = "random"\ntrials = 3\n')
    result = dse.run(file, url, overrides=["search.seeds_on_front=0"])
    assert len(result.trials) >= 3
    assert result.study.search.seeds_on_front == 0


def test_run_takes_a_study_and_another_number_of_trials(url: str) -> None:
    assert dse.run(make_study(trials=2), url, trials=5).study.search.trials == 5


def test_run_uses_the_storage_of_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSE_STORAGE", url)
    dse.run(make_study(trials=2))
    with StudyStore(url) as store:
        assert store.names() == ("synthetic",)


def test_overrides_of_a_study_object_are_refused() -> None:
    with pytest.raises(InputError, match=r"dataclasses\.replace"):
        dse.run(make_study(), overrides=["seed=1"])


def test_explore_equals_the_same_study_from_a_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "same.toml"
    file.write_text(
        'name = "spiking_cnn-digits"\n[space]\n'
        + "\n".join(f"{key} = {value}" for key, value in SPACE_TABLE.items())
        + '\n[constraints]\nmemory_bytes = "2KiB"\n[search]\nsampler = "random"\ntrials = 8\nseeds_on_front = 1\n'
    )
    from_file = dse.run(file, f"sqlite:///{tmp_path / 'other.db'}")
    explored = explore(url, constraints={"memory_bytes": "2KiB"})
    assert explored.study == from_file.study
    assert explored.trials == from_file.trials


def test_explore_takes_a_design_space(url: str) -> None:
    assert explore(url, space=SPACE).study.space == SPACE


def test_explore_takes_a_factory_at_the_top_level_of_a_file(url: str) -> None:
    task = explore(url, network=make_network).study.task
    assert task.network == f"{__name__}:make_network"


@pytest.mark.parametrize("network", [lambda: None, functools.partial(make_network), object()])
def test_explore_refuses_what_cannot_be_built_again(url: str, network: Callable[[], None]) -> None:
    with pytest.raises(InputError, match=r"network is .*; give a function or class at the top level of a file"):
        explore(url, network=network)


def test_a_mistake_in_a_table_is_named_as_in_a_study_file(url: str) -> None:
    with pytest.raises(InputError, match="space: unknown key 'weight_bit'; did you mean 'weight_bits'"):
        explore(url, space={"weight_bit": [2]})


def test_a_script_is_told_to_guard_its_call() -> None:
    code = 'import dse\ndse.explore(network="a", data="b", space={})'
    with pytest.raises(InputError, match="__main__"):
        exec(code, {"__name__": "spikefront_user_script_1234"})


def test_a_reference_is_left_as_it_is() -> None:
    assert reference_of("network", "path/to/file.py:build") == "path/to/file.py:build"


def front_of(url: str) -> tuple[dse.Front, StudyResults]:
    result = explore(url, search={"trials": 20, "sampler": "random", "seeds_on_front": 2})
    return result.front, result.results


def test_the_front_is_that_of_the_stored_study(url: str) -> None:
    front, results = front_of(url)
    assert tuple(front) == results.front.members
    assert front.hypervolume == results.hypervolume


def test_a_front_in_pandas_has_one_row_for_each_member_in_its_order(url: str) -> None:
    front, results = front_of(url)
    frame = front.to_pandas()
    assert frame["trial"].tolist() == list(results.front.trials)
    assert {"accuracy", "memory_bytes", "energy_joules", "accuracy_test", "conv1/weight_bits"} <= set(frame.columns)


def test_the_best_trial_is_the_most_accurate_within_the_limit(url: str) -> None:
    front, _ = front_of(url)
    limit = sorted(member.cost.total.memory_bytes for member in front if member.cost)[len(front) // 2]
    within = [member for member in front if member.cost and member.cost.total.memory_bytes <= limit]
    assert front.best(max_memory=limit) == max(within, key=lambda member: member.value("validation") or 0.0)


def test_where_nothing_fits_the_nearest_reachable_value_is_named(url: str) -> None:
    front, _ = front_of(url)
    least = min(member.cost.total.memory_bytes for member in front if member.cost)
    with pytest.raises(InputError, match=f"nearest: memory_bytes {least:.6g}"):
        front.best(max_memory="1B")


def test_a_space_may_be_given_as_single_values(url: str) -> None:
    space = explore(url, space={"weight_bits": 4, "membrane_bits": 8, "time_steps": {"low": 1, "high": 3}}).study.space
    assert space == DesignSpace(weight_bits=Choices((4,)), membrane_bits=Choices((8,)), time_steps=Choices((1, 2, 3)))
