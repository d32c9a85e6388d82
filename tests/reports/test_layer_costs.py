"""The bars of the report's costs hold all of a network, the layers without a budget included."""

from __future__ import annotations

import pytest

from reports import break_even, layers
from reports.frame import front_layers_frame
from studies.results import StudyResults
from studies.study import Objectives
from tests.reports import synthetic


def test_the_bars_of_a_member_are_as_high_as_its_stored_total() -> None:
    asked = Objectives(("accuracy",), ("memory_bytes", "latency_seconds"))
    results = synthetic.with_norms(synthetic.results(trials=20, objectives=asked))
    section = layers.draw_costs(results)
    assert section is not None
    assert "Norm layers are not searched, yet they count." in section.lead
    drawn = ["memory_bytes", "energy_joules", "latency_seconds", "memory_bytes"]
    for figure, cost in zip(section.figures, drawn, strict=True):
        heights = [sum(parts) for parts in zip(*(bar["y"] for bar in figure.drawing.data), strict=True)]
        assert heights == pytest.approx([getattr(m.cost.total, cost) for m in results.front if m.cost])


def test_norms_have_no_row_among_the_configurations_and_none_where_pruning_pays(results: StudyResults) -> None:
    normed = synthetic.with_norms(results)
    assert set(front_layers_frame(normed)["layer"]) == set(synthetic.LAYERS)
    assert set(break_even.verdict_frame(normed)["layer"]) == set(synthetic.LAYERS)
