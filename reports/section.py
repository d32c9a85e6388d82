"""What a section of the report is made of. All texts are plain: the page escapes them, nobody else."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawing with its title and, under it, one sentence on how to read it.

    ``size``: three "small" ones or two "normal" ones stand in a row on a wide screen, a "wide" one takes it all.
    """

    title: str
    drawing: go.Figure
    note: str = ""
    size: str = "normal"


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a table: its text, the number to sort by, and a mark (``bad``, ``quiet``) for its looks."""

    text: str
    value: float | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; numbers stand on the right, long texts may break."""

    title: str
    number: bool = True
    long: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; the last ``footers`` rows stay below when a reader sorts."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    footers: int = 0
    sortable: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One point that answers a question: the question, one large number, and lines below it (name, value, remark).

    A remark is good news unless it is marked as ``quiet``; a quiet card is there for comparison only.
    """

    title: str
    value: str
    caption: str
    lines: tuple[tuple[str, str, Cell], ...] = ()
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report: its title and lead sentences, then cards, figures and tables in this order."""

    title: str
    lead: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    cards: tuple[Card, ...] = ()
    #: A sentence for the end of the section.
    note: str = ""
