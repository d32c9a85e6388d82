"""The options that a study file gives to a named method, checked against what the method takes."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from cost_models import InputError, unknown_name

T = TypeVar("T")

_NAMES: dict[object, str] = {
    float: "a number",
    int: "a whole number",
    str: "a text",
    bool: "true or false",
    types.NoneType: "none",
}


def with_options(kind: str, name: str, factory: Callable[..., T], options: Mapping[str, Any]) -> Callable[..., T]:
    """``factory`` with the options of ``[method.NAME]`` filled in.

    Unknown keys raise :class:`InputError`, and so do values of another type than the factory's annotation, where it has
    one. Which values of that type make sense is for the factory to say.

    >>> with_options("pruning method", "magnitude", dict, {})()
    {}
    """
    if not options:
        return factory
    known = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    expected = _annotations(factory)
    for key, value in options.items():
        if key not in known:
            raise InputError(f"method.{name}: " + unknown_name(f"option of the {kind}", str(key), known))
        if key in expected and not _is_a(value, expected[key]):
            raise InputError(f"method.{name}.{key}: expected {_described(expected[key])}, got {value!r}")
    return partial(factory, **options)


def _annotations(factory: Callable[..., Any]) -> dict[str, Any]:
    """The types of the factory's parameters by name, of those that have one."""
    try:
        parameters = inspect.signature(factory, eval_str=True).parameters.values()
    except (NameError, TypeError):  # names that exist for a type checker only
        return {}
    return {one.name: one.annotation for one in parameters if one.annotation is not one.empty}


def _is_a(value: object, expected: Any) -> bool:
    """Whether ``value`` is what the annotation says: an int is a number too, a bool is none.

    Annotations that are not understood allow everything.

    >>> _is_a(3, float), _is_a(True, float), _is_a("3", float), _is_a([1, 2], tuple[int, ...]), _is_a(None, int | None)
    (True, False, False, True, True)
    """
    origin, parts = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return any(_is_a(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin in (tuple, list, Sequence) or expected in (tuple, list):
        pairwise = origin is tuple and Ellipsis not in parts
        return isinstance(value, list | tuple) and _are(value, parts, pairwise=pairwise)
    if isinstance(value, bool):
        return expected is bool or expected not in _NAMES
    if expected is float:
        return isinstance(value, int | float)
    if expected in _NAMES:
        return isinstance(value, expected)
    return True


def _are(values: Sequence[object], parts: tuple[Any, ...], *, pairwise: bool) -> bool:
    """Whether a list has entries of the annotated types: each of its own, or all of the first one."""
    if not parts:
        return True
    if pairwise:
        return len(values) == len(parts) and all(_is_a(value, part) for value, part in zip(values, parts, strict=True))
    return all(_is_a(value, parts[0]) for value in values)


def _described(expected: Any) -> str:
    """An annotation in words.

    >>> _described(float), _described(int | None), _described(list[str]), _described(Literal["a", "b"])
    ('a number', 'a whole number or none', 'a list', "'a' or 'b'")
    """
    origin, parts = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(part) for part in parts)
    if origin is Literal:
        return " or ".join(repr(part) for part in parts)
    if origin in (tuple, list, Sequence) or expected in (tuple, list):
        return "a list"
    return _NAMES.get(expected, str(expected))
