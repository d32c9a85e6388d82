"""An option of a wrong type is named, with what is right, before anything is made of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from cost_models import InputError
from dse.cli import main
from dse.method_options import with_options
from dse.neurons import NEURONS
from dse.pruning import PRUNING_METHODS
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.tasks import TRAINING_LOSSES

REGISTRIES = (PRUNING_METHODS, WEIGHT_QUANTIZERS, NEURONS, TRAINING_LOSSES)
#: For the type of an option's default: values of other types.
WRONG: dict[type, tuple[object, ...]] = {
    float: ("300", True, [0.5]),
    int: ("3", 2.5, True, [3]),
    bool: ("true", 1, 0.0),
    str: (3, True, ["a"]),
}


def every_option() -> Iterator[tuple[str, str, Callable[..., Any], str, object]]:
    for registry in REGISTRIES:
        for name, factory in registry.items():
            for parameter in inspect.signature(factory).parameters.values():
                if parameter.default is not parameter.empty:
                    default = 0.5 if parameter.annotation == "float" else parameter.default
                    yield registry.kind, name, factory, parameter.name, default


of_every_option = pytest.mark.parametrize(
    ("kind", "name", "factory", "option", "default"),
    [pytest.param(*one, id=f"{one[1]}.{one[3]}") for one in every_option()],
)


@of_every_option
def test_an_option_of_a_wrong_type_is_named_with_what_is_right(
    kind: str, name: str, factory: Callable[..., Any], option: str, default: object
) -> None:
    for wrong in WRONG[type(default)]:
        with pytest.raises(InputError, match=rf"^method\.{name}\.{option}: expected (a|true) .*, got "):
            with_options(kind, name, factory, {option: wrong})


@of_every_option
def test_a_default_is_of_the_right_type(
    kind: str, name: str, factory: Callable[..., Any], option: str, default: object
) -> None:
    with_options(kind, name, factory, {option: default})


def an_own_method(
    rate: float = 0.5,
    level: Literal["low", "high"] = "low",
    steps: int | None = None,
    sizes: tuple[int, ...] = (1,),
    span: tuple[int, float] = (1, 0.5),
    names: list[str] | None = None,
    free=None,  # type: ignore[no-untyped-def]
) -> dict[str, object]:
    return {"rate": rate, "level": level, "steps": steps, "sizes": sizes, "span": span, "names": names, "free": free}


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 1},
        {"level": "high"},
        {"steps": None},
        {"steps": 3},
        {"sizes": [1, 2]},
        {"span": [1, 2]},
        {"names": ["a"]},
        {"free": {"a": 1}},
    ],
)
def test_lists_choices_none_and_whole_numbers_are_taken_where_an_own_method_says_so(options: dict[str, object]) -> None:
    made = with_options("pruning method", "own", an_own_method, options)()
    assert {key: made[key] for key in options} == options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": "mid"}, "level: expected 'low' or 'high', got 'mid'"),
        ({"steps": 2.5}, "steps: expected a whole number or none, got 2.5"),
        ({"sizes": [1, "2"]}, "sizes: expected a list, got"),
        ({"sizes": 1}, "sizes: expected a list, got 1"),
        ({"span": [1]}, "span: expected a list, got"),
        ({"names": "a"}, "names: expected a list or none, got 'a'"),
    ],
)
def test_what_an_own_method_does_not_take_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_options("pruning method", "own", an_own_method, options)


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ('pruning = "slr"', '[method.slr]\nm = "300"', "method.slr.m: expected a number, got '300'"),
        (
            'pruning = "undecayed"',
            '[method.undecayed]\nscore = ["a"]',
            "method.undecayed.score: expected a text, got ['a']",
        ),
        ("", "[method.tet]\nweight = true\n[training]\nloss = 'tet'", "method.tet.weight: expected a number, got True"),
        (
            "",
            "[space.method]\npruning = ['magnitude', 'slr']\n[space.method.slr]\nm = ['a', 'b']",
            "method.slr.m: expected a number, got 'a'",
        ),
    ],
)
def test_a_study_with_an_option_of_a_wrong_type_ends_with_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, options: str, said: str
) -> None:
    (tmp_path / "s.toml").write_text(f'name = "s"\n[method]\n{method}\n{options}\n')
    storage = f"sqlite:///{tmp_path / 's.db'}"
    assert main(["run", str(tmp_path / "s.toml"), "--storage", storage]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "internal error" not in error
    assert not (tmp_path / "s.db").exists()
