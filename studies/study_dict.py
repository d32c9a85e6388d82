"""A study as plain tables, in the shape of a study file: both ways without loss, and compared key by key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from cost_models import InputError, unknown_name
from cost_models.quantities import parse_quantity
from studies.design_space import Choices, DesignSpace, LayerChoices, check_choices
from studies.method_choices import NAMED, MethodChoices
from studies.objectives import OBJECTIVES, limit_names
from studies.study import Method, Objectives, Search, Study, Task, Training

Section = TypeVar("Section", Task, Method, Objectives, Training, Search)

SECTIONS = ("task", "method", "space", "hardware", "objectives", "constraints", "training", "search")
#: What may change between two runs of one study: how long, by whom and where, but not what is searched.
ADJUSTABLE = ("search.trials", "search.workers", "search.engine", "search.seeds_on_front", "training.device")
_RANGE = ("low", "high", "step")


def study_to_dict(study: Study) -> dict[str, Any]:
    """Plain values that survive JSON, in the shape of a study file; every default is written out."""
    space = study.space
    method = _fields(study.method)
    options = method.pop("options")
    return {
        "name": study.name,
        "seed": study.seed,
        "task": _fields(study.task),
        "method": method | {name: dict(entry) for name, entry in options.items()},
        "space": {
            **{name: list(getattr(space, name).values) for name in ("pruning_ratio", "weight_bits")},
            **{name: list(getattr(space, name).values) for name in ("membrane_bits", "time_steps")},
            "layer": {
                layer: {name: list(own.values) for name, own in _fields(choices).items() if own is not None}
                for layer, choices in space.layers.items()
            },
            "method": {
                **{name: list(getattr(space.method, name)) for name in NAMED if getattr(space.method, name)},
                **{owner: {key: list(v) for key, v in own.items()} for owner, own in space.method.options.items()},
            },
        },
        "hardware": {"profile": study.hardware, "below_break_even": study.below_break_even},
        "objectives": {name: list(value) for name, value in _fields(study.objectives).items()},
        "constraints": dict(study.constraints),
        "training": _fields(study.training),
        "search": _fields(study.search),
    }


def study_from_dict(data: Mapping[str, Any]) -> Study:
    """Read a study file's tables, or what :func:`study_to_dict` wrote.

    Raises :class:`InputError` for a missing name, an unknown key (with the nearest known one) and any value that cannot
    be right; each is named by its dotted key.
    """
    _check_keys("", data, ("name", "seed", *SECTIONS))
    if "name" not in data:
        raise InputError('name is missing; a study needs one, such as name = "my-study"')
    tables = {section: _table(section, data.get(section, {})) for section in SECTIONS}
    _check_keys("hardware", tables["hardware"], ("profile", "below_break_even"))
    return Study(
        name=data["name"],
        task=_section("task", Task, tables["task"]),
        method=_method(tables["method"]),
        space=_space(tables["space"]),
        hardware=tables["hardware"].get("profile", Study.__dataclass_fields__["hardware"].default),
        below_break_even=tables["hardware"].get("below_break_even", "allow"),
        objectives=_section("objectives", Objectives, tables["objectives"]),
        constraints=_constraints(tables["constraints"]),
        training=_section("training", Training, tables["training"]),
        search=_search(tables["search"]),
        seed=data.get("seed", 0),
    )


def fingerprint(study: Study) -> str:
    """A hash of everything that decides what is searched; :data:`ADJUSTABLE` keys are left out."""
    settings = {key: value for key, value in flatten(study_to_dict(study)).items() if key not in ADJUSTABLE}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def first_difference(stored: Study, asked: Study) -> tuple[str, str, str] | None:
    """The first key, outside :data:`ADJUSTABLE`, in which two studies differ, with both values as text."""
    old, new = flatten(study_to_dict(stored)), flatten(study_to_dict(asked))
    for key in (*old, *(key for key in new if key not in old)):
        if key not in ADJUSTABLE and old.get(key) != new.get(key):
            return key, _shown(old.get(key)), _shown(new.get(key))
    return None


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, with dotted keys."""
    return dict(_flat_items(table, prefix))


def _flat_items(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat_items(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list) and len(value) > 8:
        return f"[{value[0]}, {value[1]}, ... {value[-1]}] ({len(value)} values)"
    return json.dumps(value, ensure_ascii=False)


def _fields(value: Any) -> dict[str, Any]:
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _table(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is {value!r}; it is a table, written [{where}]")
    return value


def _check_keys(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise InputError(
                f"{where}: {unknown_name('key', key, known)}" if where else unknown_name("key", key, known)
            )


def _section(where: str, kind: type[Section], table: Mapping[str, Any]) -> Section:
    _check_keys(where, table, tuple(item.name for item in fields(kind)))
    return kind(**table)


def _method(table: Mapping[str, Any]) -> Method:
    """A key of [method] is one of the choices, or a table with the options of the method of that name."""
    known = tuple(item.name for item in fields(Method) if item.name != "options")
    options = {key: value for key, value in table.items() if key not in known and isinstance(value, Mapping)}
    chosen = {key: value for key, value in table.items() if key not in options}
    _check_keys("method", chosen, known)
    return Method(**chosen, options=options)


def _search(table: Mapping[str, Any]) -> Search:
    if "options" in table:
        _table("search.options", table["options"])
    return _section("search", Search, table)


def _space(table: Mapping[str, Any]) -> DesignSpace:
    layered = tuple(item.name for item in fields(LayerChoices))
    _check_keys("space", table, (*layered, "time_steps", "layer", "method"))
    layers = {}
    for layer, own in _table("space.layer", table.get("layer", {})).items():
        where = f"space.layer.{layer}"
        for key, value in _table(where, own).items():
            if key not in layered and isinstance(value, Mapping) and not set(value) & set(_RANGE):
                raise InputError(f'{where}: put a layer name with dots in quotes: [space.layer."{layer}.{key}"]')
        _check_keys(where, own, layered)
        layers[layer] = LayerChoices(**{key: _choices(f"{where}.{key}", key, value) for key, value in own.items()})
    own_shape = ("layer", "method")
    general = {key: _choices(f"space.{key}", key, value) for key, value in table.items() if key not in own_shape}
    method = _method_choices(_table("space.method", table.get("method", {})))
    return DesignSpace(**general, layers=layers, method=method)


def _method_choices(table: Mapping[str, Any]) -> MethodChoices:
    """The table [space.method]: names of methods, and for each method a table of its options; single values are fixed.

    The values of an option are a list or a range such as { low = 1, high = 8 }.
    """
    named: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    for key, value in table.items():
        if key in NAMED:
            named[key] = value if isinstance(value, list | tuple) else [value]
            if not named[key]:
                raise InputError(f"space.method.{key} is an empty list; it needs at least one name")
            for name in named[key]:
                if (times := named[key].count(name)) > 1:
                    raise InputError(f"space.method.{key} names {name!r} {times} times; once is enough")
        elif isinstance(value, Mapping):
            options[key] = {
                option: _option_values(f"space.method.{key}.{option}", own) for option, own in value.items()
            }
        else:
            _check_keys("space.method", {key: value}, NAMED)
    return MethodChoices(**named, options=options)


def _option_values(where: str, value: object) -> list[Any]:
    if isinstance(value, Mapping):
        return list(_range(where, value, whole=all(isinstance(entry, int) for entry in value.values())).values)
    return list(value) if isinstance(value, list | tuple) else [value]


def _choices(where: str, parameter: str, value: object) -> Choices:
    if isinstance(value, Mapping):
        return check_choices(where, parameter, _range(where, value, whole=parameter != "pruning_ratio").values)
    values: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    for entry in values:
        if isinstance(entry, bool) or not isinstance(entry, int | float):
            raise InputError(
                f"{where} is {value!r}; it is a number, a list of numbers, or a range such as {{ low = 1, high = 8 }}"
            )
    if not values:
        raise InputError(f"{where} is an empty list; it needs at least one value")
    return check_choices(where, parameter, values)


def _range(where: str, table: Mapping[str, Any], *, whole: bool) -> Choices:
    _check_keys(where, table, _RANGE)
    for key in ("low", "high"):
        if key not in table:
            raise InputError(f"{where}: the range has no {key!r}; write for example {{ low = 1, high = 8 }}")
    if not whole and "step" not in table:
        raise InputError(f"{where}: a range of real numbers needs a step, such as step = 0.05")
    for key, entry in table.items():
        number = isinstance(entry, int) if whole else isinstance(entry, int | float)
        if isinstance(entry, bool) or not number:
            raise InputError(f"{where}.{key} is {entry!r}; it is a {'whole ' if whole else ''}number")
    try:
        return Choices.from_range(table["low"], table["high"], table.get("step", 1))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _constraints(table: Mapping[str, Any]) -> dict[str, float]:
    limits = {}
    for name, limit in table.items():
        if name not in limit_names():
            raise InputError("constraints: " + unknown_name("quantity to limit", name, limit_names()))
        unit = OBJECTIVES[name].unit
        try:
            limits[name] = parse_quantity(limit, "ratio" if unit == "share" else unit)
        except InputError as error:
            raise InputError(f"constraints.{name}: {error}") from None
    return limits
