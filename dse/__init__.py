"""Hardware-aware design-space exploration: search, training and the compressed network itself.

Importing this package is light: each public name loads what it needs (torch, Optuna) when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dse.api import Front, Result, explore, run
    from dse.conversion import spiking
    from dse.neurons import LIF
    from dse.search import samplers
    from dse.search.progress import Progress
    from dse.spiking_network import SpikingNetwork
    from dse.trace import trace

__all__ = ["LIF", "Front", "Progress", "Result", "SpikingNetwork", "explore", "run", "samplers", "spiking", "trace"]

_HOMES = {
    "Front": "dse.api",
    "LIF": "dse.neurons",
    "Progress": "dse.search.progress",
    "Result": "dse.api",
    "SpikingNetwork": "dse.spiking_network",
    "explore": "dse.api",
    "run": "dse.api",
    "samplers": "dse.search",
    "spiking": "dse.conversion",
    "trace": "dse.trace",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return import_module(f"{_HOMES[name]}.{name}") if name == "samplers" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Importing the module ``dse.trace`` must not hide the public function ``dse.trace`` behind it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
