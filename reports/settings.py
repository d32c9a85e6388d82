"""How to get the same result again: the study's settings and the versions of the programs that made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from reports.section import Cell, Column, Section, Table
from reports.text import MISSING, unit_of, value_text
from studies.design_space import Choices
from studies.results import StudyResults


def settings_frame(results: StudyResults) -> pd.DataFrame:
    """One row a setting of the study: its dotted name as in a study file, and its value as text."""
    rows = list(_flat("", results.study))
    return pd.DataFrame(rows, columns=["setting", "value"])


def draw(results: StudyResults) -> Section:
    """The section."""
    settings = settings_frame(results)
    started = f"{results.created:%Y-%m-%d %H:%M %Z}".strip()
    tables = (
        _table("Study", ("Setting", "Value"), dict(zip(settings["setting"], settings["value"], strict=True))),
        _table(
            "Versions", ("Program", "Version"), {str(name): str(version) for name, version in results.versions.items()}
        ),
    )
    return Section(
        "Settings and versions",
        f"The same study with the same versions gives the same result. This one was started on {started}.",
        tables=tables,
    )


def _table(title: str, columns: tuple[str, str], rows: Mapping[str, str]) -> Table:
    cells = tuple((Cell(name, mark="quiet"), Cell(value)) for name, value in rows.items())
    return Table((Column(columns[0], number=False), Column(columns[1], number=False, long=True)), cells, title=title)


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Choices):
        yield name, _choices(value)
    elif is_dataclass(value):
        for field in fields(value):
            inner = getattr(value, field.name)
            if inner is not None or (not name.startswith("space.layers") and (inner or name != "space.method")):
                yield from _flat(f"{name}.{field.name}" if name else field.name, inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, _text(name, value)


def _text(name: str, value: Any) -> str:
    if value is None or value == () or value == "":
        return MISSING
    if isinstance(value, tuple | list):
        return ", ".join(str(entry) for entry in value)
    if isinstance(value, float) and unit_of(name) in ("bytes", "joules", "seconds"):
        return value_text(value, unit_of(name))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(choices: Choices) -> str:
    """Ordered choices as text; a long even range by its ends and step.

    >>> _choices(Choices((2, 4, 8))), _choices(Choices((0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)))
    ('2, 4, 8', '0 to 0.6 in steps of 0.1')
    """
    values = tuple(choices.values)
    steps = {round(after - before, 9) for before, after in pairwise(values)}
    if len(values) > 5 and len(steps) == 1:
        return f"{values[0]:g} to {values[-1]:g} in steps of {steps.pop():g}"
    return ", ".join(f"{value:g}" for value in values)
