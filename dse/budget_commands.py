"""The command that picks one point of a front as a compression budget: ``dse budget``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cost_models import InputError
from dse.console import print_json
from dse.options import DEFAULT_STORAGE, AsJson, OutputFile, Storage, StudyName
from dse.stored_results import stored_results

if TYPE_CHECKING:
    from dse.budget import Limits, Point
    from studies import StudyResults


def budget(
    study: StudyName,
    max_memory: Annotated[str | None, typer.Option(metavar="Q", help="Weights, indices, membranes: 64KiB.")] = None,
    max_energy: Annotated[str | None, typer.Option(metavar="Q", help="Energy for one input: 5uJ.")] = None,
    max_latency: Annotated[str | None, typer.Option(metavar="Q", help="Time for one input: 3ms.")] = None,
    min_accuracy: Annotated[str | None, typer.Option(metavar="A", help="On validation: 0.97 or 97%.")] = None,
    one_standard_error: Annotated[
        bool,
        typer.Option("--one-standard-error", help="The cheapest point that cannot be told from the most accurate one."),
    ] = False,
    form: Annotated[
        str | None, typer.Option("--format", metavar="toml|json|csv", help="Default: by the file's suffix, else TOML.")
    ] = None,
    output: OutputFile = None,
    hardware: Annotated[
        str | None,
        typer.Option("--hardware", metavar="H", help="Price the trials anew on this profile, as dse recost."),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """The best front point inside the limits, as a per-layer compression budget.

    The most accurate point wins. With --min-accuracy it is the one that needs least of the study's first minimised
    objective that is not limited itself (memory, as a rule). Accuracy is that on the validation split, averaged over
    the seeds that a point was trained with. Where nothing fits, the nearest reachable value of each limit is named.
    With --one-standard-error, a cheaper point is taken where its accuracy is within a standard error of the best.
    """
    from dse.budget import Limits, best_point
    from dse.budget_file import budget_document, format_of
    from dse.documents import candidates
    from dse.front_tables import chosen_sentence, one_standard_error_choice

    limits = Limits.of(max_memory=max_memory, max_energy=max_energy, max_latency=max_latency, min_accuracy=min_accuracy)
    form = format_of(output, "json" if as_json and form is None and output is None else form)
    if as_json and output is None and form != "json":
        raise InputError(f"--json and --format {form} contradict each other; write the {form} file with -o FILE")
    results = _priced_on(hardware, stored_results(study, storage))
    points = candidates(results, limits)
    best = best_point(points, limits, results.study.objectives.minimize)
    picked = ""
    if one_standard_error:
        best, picked = one_standard_error_choice(results, points, limits)
    if best is None:
        raise _nothing_fits(results, points, limits, as_json)
    document = budget_document(results.study, results.evaluation(best["trial"]), best)
    _put_budget(document, form, output, as_json)
    place = f"; written to {output}" if output is not None else ""
    print(f"{chosen_sentence(results, points, best, limits)}{picked}{place}", file=sys.stderr)


def _priced_on(hardware: str | None, results: StudyResults) -> StudyResults:
    """The results under another hardware profile; as they are without one."""
    if hardware is None:
        return results
    from studies.recosting import recosted

    return recosted(results, hardware)


def _nothing_fits(results: StudyResults, points: Sequence[Point], limits: Limits, as_json: bool) -> InputError:
    """The sentence with the nearest reachable value of each limit, after the document where JSON is asked for."""
    from dse.budget import nearest_reachable
    from dse.documents import nothing_fits_document
    from dse.front_tables import nothing_fits_sentence

    nearest = nearest_reachable(points, limits)
    if as_json:
        print_json(nothing_fits_document(results.study.name, limits, nearest))
    return InputError(nothing_fits_sentence(results, limits, nearest))


def _put_budget(document: Mapping[str, Any], form: str, output: Path | None, as_json: bool) -> None:
    """Write a budget to its file, and print it where there is no file or JSON is asked for."""
    from dse.budget_file import budget_text
    from studies.text_file import write_atomically

    text = budget_text(document, form)
    if output is not None:
        write_atomically(output, text)
    if as_json or output is None:
        print(budget_text(document, "json") if as_json else text, end="")
