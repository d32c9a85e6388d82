from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

import reports
from cost_models import InputError
from reports import page
from reports.section import Cell, Column, Figure, Section, Table
from studies.method_choices import MethodChoices
from studies.results import StudyResults
from studies.study import Objectives
from tests.reports import synthetic

EVIL = (
    "<b>conv</b>",
    "</script><script>alert(2)</script>",
    'x" onmouseover="alert(3)',
    "%{x} & <a href='javascript:alert(4)'>c</a>",
)


class Reader(HTMLParser):
    """Collects what a browser would see: elements, their attributes, the text of scripts and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def drawings(self) -> list[dict[str, object]]:
        """The figures, as the page's own script reads them."""
        kinds = [attributes for tag, attributes in self.elements if tag == "script"]
        return [
            json.loads(text)
            for attributes, text in zip(kinds, self.scripts, strict=True)
            if attributes.get("type") == "application/json"
        ]


@pytest.fixture(scope="module")
def html(results: StudyResults) -> str:
    return reports.render(results)


@pytest.fixture(scope="module")
def evil() -> str:
    results = synthetic.results(
        trials=15, name="<script>alert(1)</script>", layers=EVIL, failed=1, reason="<img src=x>"
    )
    return reports.render(results)


def without_plotly(html: str) -> str:
    return html.replace(get_plotlyjs(), "")


def test_the_page_holds_plotly_once(html: str) -> None:
    assert html.count(get_plotlyjs()) == 1


def test_the_page_names_nothing_outside_itself(html: str) -> None:
    own = without_plotly(html)
    assert "://" not in own
    assert "//cdn" not in own
    loading = [
        (tag, attributes)
        for tag, attributes in Reader(html).elements
        if tag in ("link", "img", "iframe")
        or "src" in attributes
        or not (attributes.get("href") or "#").startswith("#")
    ]
    assert loading == []


def test_the_page_forbids_itself_to_load_anything(html: str) -> None:
    policy = next(a["content"] for tag, a in Reader(html).elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_a_study_named_like_a_script_stays_text(evil: str) -> None:
    reader = Reader(evil)
    assert "<script>alert(1)</script>" in reader.text
    assert not any("alert(" in script for script in reader.scripts if "application" not in script and len(script) < 200)
    assert "<script>alert" not in without_plotly(evil)


def test_names_with_markup_add_no_element_and_no_attribute(evil: str) -> None:
    names = [f"{number:{len(name)}}" for number, name in enumerate(EVIL)]
    plain = reports.render(synthetic.results(trials=15, name="n", layers=names, failed=1, reason="r"))
    shapes = [[(tag, sorted(attributes)) for tag, attributes in Reader(html).elements] for html in (evil, plain)]
    assert shapes[0] == shapes[1]


def test_names_with_markup_are_escaped_in_every_text_of_every_figure(evil: str) -> None:
    texts = json.dumps(Reader(evil).drawings())
    # What plotly itself reads as markup is nothing but our own.
    assert set(re.findall(r"</?\w[^>]*>", texts)) <= {"<b>", "</b>", "<br>", "<extra>", "</extra>"}
    assert "&lt;b&gt;conv&lt;/b&gt;" in texts


def test_users_names_are_never_part_of_a_hover_template(evil: str) -> None:
    drawings = json.dumps(Reader(evil).drawings())
    assert set(re.findall(r'"hovertemplate": "([^"]*)"', drawings)) == {"%{hovertext}<extra></extra>"}


@given(st.lists(st.text(), max_size=4))
def test_json_inside_the_page_survives_any_text_and_cannot_end_its_element(texts: list[str]) -> None:
    inside = page._json(texts)
    assert "<" not in inside
    assert json.loads(inside) == texts


CASES = {
    "empty front": {"trials": 0},
    "nothing at all": {"trials": 0, "baseline": False},
    "only failed trials": {"trials": 0, "failed": 5},
    "all over the limit": {"trials": 8, "constraints": {"memory_bytes": 1.0}},
    "one point": {"trials": 1},
    "no baseline": {"trials": 12, "baseline": False},
    "no spiking": {"trials": 12, "spiking": False},
    "test not measured": {"trials": 12, "tested": False},
    "one objective": {"trials": 12, "objectives": Objectives(("accuracy",), ())},
    "one cost": {"trials": 12, "objectives": Objectives((), ("memory_bytes",))},
    "two costs": {"trials": 12, "objectives": Objectives((), ("memory_bytes", "synops"))},
    "two accuracies": {"trials": 12, "objectives": Objectives(("accuracy", "worst_class_recall"), ()), "classes": 3},
    "recall not measured": {"trials": 12, "objectives": Objectives(("accuracy", "worst_class_recall"), ())},
    "error": {"trials": 12, "objectives": Objectives((), ("error", "memory_bytes"))},
    "40 layers": {"trials": 12, "layers": 40},
}


@pytest.mark.parametrize("case", CASES)
def test_every_study_has_a_report(case: str) -> None:
    reader = Reader(reports.render(synthetic.results(**CASES[case])))  # type: ignore[arg-type]
    titles = [tag for tag, _ in reader.elements if tag == "h2"]
    assert len(titles) >= 3
    for drawing in reader.drawings():
        assert go.Figure(drawing).data
    assert "nan" not in re.findall(r"[A-Za-z]+", reader.text)


def test_500_trials_are_all_drawn_and_a_trial_takes_at_most_4_kb_of_the_page() -> None:
    results = synthetic.results(trials=500, layers=8)
    html = reports.render(results)
    drawn = [[len(line["x"]) for line in drawing["data"]] for drawing in Reader(html).drawings()]  # type: ignore[attr-defined]
    assert drawn[0][0] + drawn[0][2] == 500  # dominated and front
    assert drawn[-1] == [500]  # the hypervolume after each
    assert len(without_plotly(html)) < 500 * 4096


def test_every_section_of_the_table_is_in_the_page_in_its_order() -> None:
    results = synthetic.results(trials=15, classes=3, failed=1)
    space = replace(results.study.space, method=MethodChoices(pruning=("magnitude", "slr")))
    trials = tuple(replace(e, choices={"method.pruning": "slr"}) for e in results.evaluations)
    results = replace(results, study=replace(results.study, space=space), evaluations=trials)
    sections = [draw(results) for draw in reports.SECTIONS.values()]
    titles = [section.title for section in sections if section]
    assert len(titles) == len(reports.SECTIONS)
    places = [reports.render(results).index(f"<h2>{title}</h2>") for title in titles]
    assert places == sorted(places)


def test_the_same_results_give_the_same_page(results: StudyResults, html: str) -> None:
    assert reports.render(results) == html


def test_every_colour_that_dark_exchanges_differs_from_the_light_one() -> None:
    from reports.theme import DARK

    assert all(light != dark for light, dark in DARK.items())


def test_numbers_stand_on_the_right_and_can_be_sorted_by_value() -> None:
    table = Table((Column("name", number=False), Column("size")), ((Cell("a"), Cell("1 KiB", 1024.0)),))
    text = page.document("t", "", [Section("s", "l", tables=(table,))])
    assert '<td class="number" data-value="1024">1 KiB</td>' in text


def test_a_drawing_has_a_name_for_those_who_cannot_see_it() -> None:
    text = page.document("t", "", [Section("s", "l", figures=(Figure("Cost & more", go.Figure()),))])
    assert 'role="img" aria-label="Cost &amp; more"' in text


def test_the_report_is_written_as_rendered(results: StudyResults, html: str, tmp_path: Path) -> None:
    path = reports.write_report(results, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == html


def test_a_failed_write_leaves_the_old_report_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def fail(handle: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(InputError, match="No space left on device"):
        page.write_page("new", path)
    assert [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        page.write_page("x", tmp_path / "absent" / "report.html")


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder"):
        page.write_page("x", tmp_path)


def test_the_page_s_style_and_script_are_installed_with_the_package(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["reports"]
    for asset in ("page.css", "page.js"):
        assert any(Path(asset).match(pattern) for pattern in patterns)
