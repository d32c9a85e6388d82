"""Trade-off reports: sections drawn from what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cost_models import Registry
from reports import break_even, front, layers, methods, page, progress, recall, settings, summary, trials
from reports.section import Section
from studies.results import StudyResults

__all__ = ["SECTIONS", "Section", "render", "write_report"]

#: The sections in page order; one that returns None has nothing to show and is left out.
SECTIONS: Registry[Callable[[StudyResults], Section | None]] = Registry(
    "report section",
    {
        "summary": summary.draw,
        "front": front.draw,
        "members": front.draw_table,
        "methods": methods.draw,
        "layers": layers.draw,
        "costs": layers.draw_costs,
        "break_even": break_even.draw,
        "recall": recall.draw,
        "progress": progress.draw,
        "trials": trials.draw,
        "settings": settings.draw,
    },
)


def render(results: StudyResults) -> str:
    """The report as one HTML document that opens without a network: plotly.js is inside, every name is escaped."""
    study = results.study
    drawn = [section for draw in SECTIONS.values() if (section := draw(results)) is not None]
    subtitle = f"{study.task.network} on {study.task.dataset}, for {study.hardware}"
    return page.document(study.name, subtitle, drawn, footer="This page is complete in itself: it loads nothing.")


def write_report(results: StudyResults, path: str | Path) -> Path:
    """Write :func:`render`'s page to ``path``, whole or not at all; raise ``InputError`` where that is impossible."""
    return page.write_page(render(results), path)
