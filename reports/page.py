"""Sections become one HTML page that needs nothing else: no network, no further file. Everything is escaped here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import plotly.io
from plotly.offline import get_plotlyjs

from cost_models import InputError
from reports import theme
from reports.section import Card, Cell, Figure, Section, Table
from studies.text_file import write_atomically

_ASSETS = Path(__file__).parent


def document(title: str, subtitle: str, sections: Sequence[Section], footer: str = "") -> str:
    """The whole document. All texts are plain and are escaped; ``sections`` come in page order."""
    anchors = [f"section-{number}" for number in range(1, len(sections) + 1)]
    links = "".join(
        f'<a href="#{anchor}">{escape(section.title)}</a>' for anchor, section in zip(anchors, sections, strict=True)
    )
    body = "\n".join(_section(anchor, section) for anchor, section in zip(anchors, sections, strict=True))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{_asset("page.css")}
</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><p class="kind">Trade-off report</p><h1>{escape(title)}</h1><p class="subtitle">{escape(subtitle)}</p></header>
<nav aria-label="Sections">{links}</nav>
<main>
{body}
</main>
<footer><p>{escape(footer)}</p></footer>
<noscript><p class="lead">The drawings need JavaScript; the text and the tables do not.</p></noscript>
<script>const DARK = {_json(theme.DARK)};
{_asset("page.js")}
</script>
</body>
</html>
"""


#: The page can load nothing: whatever a name contains, no request leaves the reader's machine.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_page(html: str, path: str | Path) -> Path:
    """Write the page so that ``path`` holds either the whole of it or what was there before.

    Raises :class:`InputError` if there is no such folder or the file cannot be written there.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write the report to {path}: there is no folder {path.parent}; create it first")
    write_atomically(path, html)
    return path


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    """JSON that may stand inside a script element, whatever strings it holds."""
    return _inside_script(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _inside_script(text: str) -> str:
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _section(anchor: str, section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", f'<p class="lead">{escape(section.lead)}</p>']
    if section.cards:
        cards = "".join(_card(card) for card in section.cards)
        parts.append(f'<div class="cards" style="--columns:{max(3, len(section.cards))}">{cards}</div>')
    if section.figures:
        figures = "\n".join(_figure(f"{anchor}-figure-{n}", figure) for n, figure in enumerate(section.figures, 1))
        small = " small" if all(figure.size == "small" for figure in section.figures) else ""
        parts.append(f'<div class="figures{small}">{figures}</div>')
    tables = "\n".join(_table(table) for table in section.tables)
    parts.append(f'<div class="tables">{tables}</div>' if len(section.tables) > 1 else tables)
    if section.note:
        parts.append(f'<p class="note">{escape(section.note)}</p>')
    return f'<section id="{anchor}">\n' + "\n".join(parts) + "\n</section>"


def _card(card: Card) -> str:
    lines = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        f'<dd class="remark {remark.mark or "good"}">{escape(remark.text)}</dd>'
        for name, value, remark in card.lines
    )
    return (
        f'<article class="card{" quiet" if card.quiet else ""}"><h3>{escape(card.title)}</h3>'
        f'<p class="value">{escape(card.value)}</p><p class="caption">{escape(card.caption)}</p>'
        f"<dl>{lines}</dl></article>"
    )


def _figure(anchor: str, figure: Figure) -> str:
    content = _inside_script(str(plotly.io.to_json(figure.drawing, validate=False, engine="json")))
    note = f"<p>{escape(figure.note)}</p>" if figure.note else ""
    height = int(figure.drawing.layout.height or 400)
    wide = ' class="wide"' if figure.size == "wide" else ""
    return (
        f"<figure{wide}><figcaption><h3>{escape(figure.title)}</h3></figcaption>"
        f'<div class="drawing" id="{anchor}" role="img" aria-label="{escape(figure.title)}" style="height:{height}px">'
        f'</div><script type="application/json" data-drawing="{anchor}">{content}</script>{note}</figure>'
    )


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{" class=number" if column.number else ""}>{escape(column.title)}</th>'
        for column in table.columns
    )
    body = len(table.rows) - table.footers
    rows = "\n".join(_row(row, table) for row in table.rows[:body])
    foot = "\n".join(_row(row, table) for row in table.rows[body:])
    title = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    kind = ' class="sortable"' if table.sortable and body > 1 else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title or "table")}">'
        f"<table{kind}>{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
        + (f"\n<tfoot>\n{foot}\n</tfoot>" if foot else "")
        + "</table></div>"
    )


def _row(row: tuple[Cell, ...], table: Table) -> str:
    cells = []
    for cell, column in zip(row, table.columns, strict=True):
        kinds = " ".join(
            kind for kind in ("number" if column.number else "", "long" if column.long else "", cell.mark) if kind
        )
        sort = "" if cell.value is None or cell.value != cell.value else f' data-value="{cell.value:.12g}"'
        looks = f' class="{kinds}"' if kinds else ""
        cells.append(f"<td{looks}{sort}>{escape(cell.text)}</td>")
    return f"<tr>{''.join(cells)}</tr>"
