"""A user's own network or data set: ``path/to/file.py:factory`` or ``package.module:factory`` -> the callable."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from cost_models import InputError, unknown_name


def is_reference(name: str) -> bool:
    """Whether a name points to a user's own code and not into one of our tables.

    >>> is_reference("spiking_cnn"), is_reference("models/mine.py:build")
    (False, True)
    """
    return ":" in name


def load_reference(reference: str) -> Callable[..., Any]:
    """The callable that ``path/to/file.py:factory`` or ``package.module:factory`` names.

    Relative paths and packages are looked for from the current folder. The user's module is executed once per process.
    Raises :class:`InputError` if the file, the module or the name is missing, if it cannot be imported, or if what is
    named is not callable.

    >>> load_reference("collections:Counter")
    <class 'collections.Counter'>
    """
    place, factory = _parts(reference)
    module = _module(str(_file(place, reference))) if place.endswith(".py") else _package(place, reference)
    if not hasattr(module, factory):
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise InputError(f"{place}: " + unknown_name("function", factory, known))
    found = getattr(module, factory)
    if not callable(found):
        raise InputError(f"{reference} is {found!r}; it must be a function or a class that can be called")
    return found  # type: ignore[no-any-return]


def source_digest(reference: str) -> str:
    """A hash of the source behind a reference, to tell one version of a user's code from the next; "" for our names."""
    if not is_reference(reference):
        return ""
    place, _ = _parts(reference)
    path = _file(place, reference) if place.endswith(".py") else Path(_package(place, reference).__file__ or "")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _parts(reference: str) -> tuple[str, str]:
    # From the right: a Windows path has a colon of its own.
    place, _, factory = reference.rpartition(":")
    if not place or not factory.isidentifier():
        raise InputError(f"{reference!r} is not path/to/file.py:factory or package.module:factory")
    return place, factory


def _file(place: str, reference: str) -> Path:
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise InputError(f"{reference}: there is no file {path}")
    return path


@cache
def _module(path: str) -> ModuleType:
    name = f"spikefront_user_{Path(path).stem}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} cannot be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Like a script, the file may import its neighbours.
        with _importable(Path(path).parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InputError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _package(name: str, reference: str) -> ModuleType:
    try:
        with _importable(Path.cwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise InputError(f"{reference}: there is no module {name!r}; a file is named path/to/file.py") from error
        raise InputError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
    except (Exception, SystemExit) as error:
        raise InputError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
