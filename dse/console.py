"""What a human sees: tables and numbers with units. Rich is loaded only when something is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from cost_models import stored_bits
from cost_models.quantities import format_count, format_quantity

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

#: The width where no terminal sets one: nothing is wrapped or left out.
PIPED_WIDTH = 10_000
#: Characters between two columns: one of padding and one for the (invisible) border.
COLUMN_GAP = 2
#: Columns of sentences: where they are, they are wrapped and the others are not.
PROSE = ("description", "source")
UNKNOWN = "-"
HEADINGS = {
    "memory_bytes": "memory",
    "weight_memory_bytes": "weights",
    "index_memory_bytes": "index",
    "membrane_memory_bytes": "membranes",
    "energy_joules": "energy",
    "latency_seconds": "latency",
    "macs_dense": "dense MACs",
    "macs": "MACs",
    "synops": "SynOps",
    "parameters_kept": "kept",
    "parameters": "parameters",
    "time_steps": "T",
    "pruning_ratio": "pruned",
    "break_even_pruning_ratio": "break-even",
    "storage_format": "format",
    "weight_bits": "weight\nbits",
    "membrane_bits": "membrane\nbits",
}


def console(stream: IO[str] | None = None) -> Console:
    """A rich console on ``stream`` (standard output by default); plain and wide where it is not a terminal."""
    from rich.console import Console

    target = stream or sys.stdout
    return Console(file=target, width=None if target.isatty() else PIPED_WIDTH, highlight=False, soft_wrap=False)


def print_out(*renderables: object) -> None:
    """Print tables or lines of plain text on standard output; square brackets in a text mean themselves."""
    out = console()
    for renderable in renderables:
        if isinstance(renderable, str):
            out.print(renderable, markup=False, soft_wrap=True)
        else:
            out.print(renderable)


def print_json(document: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def human(name: str, value: object) -> str:
    """A number as a human reads it, with the unit that its name ends in.

    >>> human("pruning_ratio", 0.25), human("macs", 1234567), human("weight_bits", 4), human("accuracy", None)
    ('25.0%', '1.23 M', '4', '-')
    """
    if value is None:
        return UNKNOWN
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if value != value:
        return UNKNOWN
    for unit in ("bytes", "joules", "seconds"):
        if name.endswith("_" + unit):
            return format_quantity(value, unit)
    if name.endswith("pruning_ratio"):
        return f"{value:.1%}"
    if name.startswith(("accuracy", "error", "worst_class_recall", "largest_recall_loss")) or name.endswith(
        ("_rate", "_density")
    ):
        return f"{value:.4f}"
    return format_count(value) if name in ("macs", "macs_dense", "synops") else f"{value:,.10g}"


def rounded_outwards(name: str, value: float) -> str:
    """A reachable value as text that may be typed back as a limit: never rounded to the side that excludes it."""
    from cost_models.quantities import parse_quantity

    if not name.endswith(("_bytes", "_joules", "_seconds")):
        return f"{int(value * 1e4) / 1e4:.4f}"
    unit = name.rsplit("_", 1)[1]
    shown = value
    while parse_quantity(format_quantity(shown, unit), unit) < value:
        shown *= 1.001
    return format_quantity(shown, unit)


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table under a title; cells are plain text, never markup.

    ``columns`` maps each heading to ``"left"`` or ``"right"``; ``totals`` is a last row below a line. Where the
    terminal is too narrow, the columns named in ``optional`` are left out, the first ones first, and named below.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Sequence[str]]
    optional: Sequence[str] = ()
    totals: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Render for the width at hand."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        left_out = self._left_out(options.max_width)
        shown = [index for index, name in enumerate(self.columns) if name not in left_out]
        prose = any(name in PROSE for name in self.columns)
        named = any(name.strip() for name in self.columns)
        made = Table(box=box.SIMPLE_HEAD if named else None, pad_edge=False, show_header=named, padding=(0, 1, 0, 0))
        for index, (name, justify) in enumerate(self.columns.items()):
            if index in shown:
                made.add_column(
                    Text(name),
                    justify="right" if justify == "right" else "left",
                    overflow="fold",
                    no_wrap=prose and name not in PROSE,
                )
        for row in self.rows:
            made.add_row(*(Text(row[index]) for index in shown))
        if self.totals:
            made.add_section()
            made.add_row(*(Text(self.totals[index]) for index in shown))
        if self.title:
            yield Text(self.title, style="bold")
        yield made
        if left_out:
            names = ", ".join(" ".join(name.split()) for name in left_out)
            yield Text(f"Left out, as the terminal is too narrow: {names}.", style="dim")

    def _left_out(self, width: int) -> list[str]:
        from rich.cells import cell_len

        lines = [list(self.columns), *self.rows, *([self.totals] if self.totals else [])]
        widths = {
            name: max(cell_len(part) for line in lines for part in line[index].split("\n"))
            for index, name in enumerate(self.columns)
        }
        left_out: list[str] = []
        for name in (name for name in self.optional if name in self.columns):
            kept = [widths[column] for column in self.columns if column not in left_out]
            if sum(kept) + COLUMN_GAP * (len(kept) - 1) <= width:
                break
            left_out.append(name)
        return left_out


def rows_table(rows: Sequence[Mapping[str, str]]) -> PlainTable:
    """Rows with the same keys as a table; a column that is empty throughout is left out."""
    names = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    return PlainTable("", dict.fromkeys(names, "left"), [[row[name] for name in names] for row in rows])


def front_table(
    title: str, points: Sequence[Mapping[str, Any]], objectives: Sequence[str], method: Sequence[str] = ()
) -> PlainTable:
    """The points of a front: accuracies, the other objectives and the compression of each.

    ``method`` names what the search chose about the method, by key of ``[method]``: one column each.
    """
    shown = [name for name in objectives if name not in ("accuracy", "time_steps")]
    columns = {"trial": "right", "validation\naccuracy": "right", "test\naccuracy": "right"}
    sure = any(point.get("front_probability") is not None for point in points)
    columns |= {"on the\nfront": "right"} if sure else {}
    columns |= {heading(name): "right" for name in shown}
    columns |= {name.replace(".", "\n"): "left" for name in method}
    columns |= {heading(name): "right" for name in ("time_steps", "pruning_ratio", "weight_bits", "membrane_bits")}
    rows = [
        [
            str(point["trial"]),
            human("accuracy", point["accuracy_validation"]),
            _with_deviation(point),
            *([_percent(point.get("front_probability"))] if sure else []),
            *(human(name, point["values"].get(name)) for name in shown),
            *(str(point["method"].get(name, "")) for name in method),
            str(point["time_steps"]),
            human("pruning_ratio", pruned_share(point)),
            _span(layer["weight_bits"] for layer in point["layers"]),
            _span(layer["membrane_bits"] for layer in point["layers"]),
        ]
        for point in points
    ]
    return PlainTable(title, columns, rows, optional=("membrane\nbits", "weight\nbits", "pruned"))


def heading(name: str) -> str:
    """The short heading of a quantity in a table."""
    return HEADINGS.get(name, name.replace("_", " "))


def pruned_share(point: Mapping[str, Any]) -> float | None:
    """The share of all parameters that is removed at this point."""
    cost = point.get("cost") or {}
    return 1 - cost["parameters_kept"] / cost["parameters"] if cost.get("parameters") else None


def _percent(probability: float | None) -> str:
    return UNKNOWN if probability is None else f"{probability:.0%}"


def _with_deviation(point: Mapping[str, Any]) -> str:
    if point.get("accuracy_test") is None:
        return UNKNOWN
    mean = human("accuracy", point["accuracy_test"])
    return mean if not point.get("accuracy_std") else f"{mean} ± {point['accuracy_std']:.4f}"


def _span(values: Iterable[float | None]) -> str:
    """The range of some bit widths in one cell, those of layers without one left out."""
    known = sorted({value for value in values if value is not None}, key=lambda bits: (stored_bits(bits), bits))
    if not known:
        return UNKNOWN
    return f"{known[0]:g}" if len(known) == 1 else f"{known[0]:g}-{known[-1]:g}"


def steps_text(steps: int) -> str:
    """``1 time step``, ``4 time steps``."""
    return f"{steps} time step" + ("s" if steps != 1 else "")


def words(name: str) -> str:
    """A quantity's name as people say it: ``memory`` for ``memory_bytes``."""
    return name.removesuffix("_bytes").removesuffix("_joules").removesuffix("_seconds").replace("_", " ")
