"""The options that a study file gives to a named method, checked against what the method takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from cost_models import InputError, unknown_name

T = TypeVar("T")


def with_options(kind: str, name: str, factory: Callable[..., T], options: Mapping[str, Any]) -> Callable[..., T]:
    """``factory`` with the options of ``[method.NAME]`` filled in; unknown keys raise :class:`InputError`.

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
    for key in options:
        if key not in known:
            raise InputError(f"method.{name}: " + unknown_name(f"option of the {kind}", str(key), known))
    return partial(factory, **options)
