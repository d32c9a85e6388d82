"""The command line: arguments in, tables or one JSON document out, sentences and exit codes for what goes wrong.

Everything heavy is imported inside the commands, so that help and usage errors are instant.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cost_models import InputError
from dse import budget_commands, export_commands, network_commands, storage_commands
from dse.console import print_json, print_out
from dse.options import DEFAULT_STORAGE, AsJson, DataRoot, OutputFile, Storage, StudyName
from dse.stored_results import stored_results as _results

if TYPE_CHECKING:
    from studies import StudyResults

DONE, FAILURE, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
SEARCH, COSTS, NAMES = "Search and results", "Costs without training", "What a study file can name"

app = typer.Typer(name="dse", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


class RunError(RuntimeError):
    """A run gave up for a reason that one sentence explains; neither the user's input nor a defect of ours."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (``sys.argv`` by default) and return its exit code; nothing is raised.

    0 done, 2 the user's input is wrong (one sentence on standard error), 1 our failure, 130 interrupted.
    ``--debug`` may stand anywhere; a failure then prints its traceback too.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"] or ["--help"]
    try:
        code = typer.main.get_command(app).main(words, prog_name="dse", standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else DONE
    except (KeyboardInterrupt, typer.Abort):
        goes_on = "; what is finished is kept, and the same command goes on from there" if "run" in words[:1] else ""
        return _stop(INTERRUPTED, f"interrupted{goes_on}")
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = None
        return DONE
    except InputError as error:
        return _stop(WRONG_INPUT, str(error), debug)
    except RunError as error:
        return _stop(FAILURE, str(error), debug)
    except Exception as error:
        if (sentence := _usage_sentence(error)) is not None:
            return _stop(WRONG_INPUT, sentence)
        hint = "" if debug else " (--debug prints the traceback)"
        return _stop(FAILURE, f"internal error: {type(error).__name__}: {error}{hint}", debug)


def _stop(code: int, sentence: str, debug: bool = False) -> int:
    if debug:
        traceback.print_exc()
    print(f"dse: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def _usage_sentence(error: Exception) -> str | None:
    """What is wrong with the command line, None if the error is about something else.

    Typer brings its own copy of click, older versions use click itself; both can tell their message.
    """
    tell = getattr(error, "format_message", None)
    if tell is None:
        return None
    context = getattr(error, "ctx", None)
    where = f"{context.command_path if context else 'dse'} --help"
    sentence = str(tell()).rstrip(".")
    sentence = sentence[:1].lower() + sentence[1:]
    return f"{sentence} See {where}" if sentence.endswith("?") else f"{sentence}; see {where}"


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"spikefront {version('spikefront')}")
        except PackageNotFoundError:
            print("spikefront, not installed (run from a source folder)")
        raise typer.Exit


@app.callback()
def dse(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="On failure print the traceback too; any command.")] = False,
) -> None:
    """Find out how far each layer of a spiking network can be pruned and quantised, and what that saves in hardware."""


@app.command(rich_help_panel=SEARCH)
def run(
    study: Annotated[str, typer.Argument(metavar="STUDY.toml", help="Study file, or a ready study's name: digits.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the study: training.epochs=4. Repeatable."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, metavar="N", help="Finished trials in all.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Trainings at the same time.")] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Where trainings run; see dse methods.")] = None,
    storage: Storage = DEFAULT_STORAGE,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Search until the study has N finished trials in all; the same command goes on where an earlier one stopped."""
    from studies import load_study

    given = {"trials": trials, "workers": workers, "engine": engine}
    overrides = [f"search.{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    loaded = load_study(study, [*(settings or ()), *overrides])

    from dse.documents import run_document
    from dse.progress import RunDisplay
    from dse.search.loop import StudyAborted
    from dse.search.run import run_study

    started = time.monotonic()
    try:
        with RunDisplay(loaded.name) as display:
            results = run_study(loaded, storage, str(data_root) if data_root else None, on_progress=display)
    except StudyAborted as error:
        raise RunError(str(error)) from error
    if as_json:
        return print_json(run_document(results, time.monotonic() - started))
    _show_front(results)
    named = shlex.quote(loaded.name)
    if storage not in (DEFAULT_STORAGE, os.environ.get("DSE_STORAGE")):
        named += f" --storage {shlex.quote(storage)}"
    print(f"Next: dse report {named}, or dse budget {named} --max-memory 16KiB")


@app.command("list", rich_help_panel=SEARCH)
def list_(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:
    """The studies in the storage."""
    from dse.documents import list_entry
    from studies import StudyStore

    with StudyStore(storage) as store:
        entries = [list_entry(store.results(name)) for name in store.names()]
    if as_json:
        return print_json({"storage": store.url, "studies": entries})
    from dse.study_tables import list_table

    print_out(list_table(store.url, entries) if entries else f"No study in {store.url} yet; dse run digits makes one.")


@app.command(rich_help_panel=SEARCH)
def show(
    study: StudyName,
    trial: Annotated[
        str | None,
        typer.Argument(metavar="[TRIAL]", help="Number of a trial, or 'baseline', the uncompressed one."),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """One study with its settings, or one of its trials layer by layer."""
    from dse.documents import find_trial, show_document, trial_document
    from dse.study_tables import hypervolume_share, study_view, trial_view

    results = _results(study, storage)
    if trial is not None:
        document = trial_document(results.study, find_trial(results, trial), results.baseline)
        return print_json(document) if as_json else print_out(*trial_view(document))
    document = show_document(results)
    return print_json(document) if as_json else print_out(*study_view(document, hypervolume_share(results)))


@app.command(rich_help_panel=SEARCH)
def front(
    study: StudyName,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the points to this file, one row each.")
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """The Pareto front: the trials that no other trial beats in every objective."""
    results = _results(study, storage)
    if csv is not None:
        from dse.budget_file import csv_text
        from dse.documents import front_rows
        from studies.text_file import write_atomically

        write_atomically(csv, csv_text(front_rows(results.front_points())))
        print(f"{len(results.front)} points written to {csv}", file=sys.stderr)
    if as_json:
        return print_json(results.to_dict())
    if csv is None:
        _show_front(results)


def _show_front(results: StudyResults) -> None:
    from dse.front_tables import front_view

    print_out(*front_view(results))


@app.command(rich_help_panel=SEARCH)
def recost(
    study: StudyName,
    hardware: Annotated[str, typer.Option("--hardware", metavar="H", help="Profile name, or a TOML file.")],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the new front to this file, one row each.")
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """The stored trials under another hardware profile: a new front without any training.

    Prices are computed from the trained networks as they were measured, and the study's limits hold for the new ones.
    Nothing is stored; a budget from the new front is dse budget STUDY --hardware H.
    """
    import gc

    from dse.budget_file import csv_text
    from dse.documents import front_rows, recost_document
    from dse.front_tables import recost_view
    from studies.recosting import recosted
    from studies.text_file import write_atomically

    gc.disable()  # a large study is some hundred thousand small values, all of which live until the end
    before = _results(study, storage, layer_costs=False)
    after = recosted(before, hardware)
    document = recost_document(before, after)
    if csv is not None:
        write_atomically(csv, csv_text(front_rows(document["points"])))
        print(f"{len(document['points'])} points written to {csv}", file=sys.stderr)
    if as_json:
        return print_json(document)
    print_out(*recost_view(after, document))


app.command("budget", rich_help_panel=SEARCH)(budget_commands.budget)


@app.command(rich_help_panel=SEARCH)
def report(
    study: StudyName, output: OutputFile = None, storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False
) -> None:
    """One self-contained HTML report; -o names its file, STUDY.html by default."""
    from reports import write_report

    results = _results(study, storage)
    path = output or Path(f"{results.study.name.replace('/', '_')}.html")
    write_report(results, path)
    if as_json:
        return print_json({"study": results.study.name, "file": str(path)})
    print(f"Report of {results.study.name!r} written to {path}")


app.command("export", rich_help_panel=SEARCH)(export_commands.export)
app.command("verify", rich_help_panel=SEARCH)(export_commands.verify)
app.command("doctor", rich_help_panel=SEARCH)(storage_commands.doctor)
app.command("upgrade", rich_help_panel=SEARCH)(storage_commands.upgrade)
app.command("cost", rich_help_panel=COSTS)(network_commands.cost)
app.command("break-even", rich_help_panel=COSTS)(network_commands.break_even)
app.command("networks", rich_help_panel=NAMES)(network_commands.networks)
app.command("datasets", rich_help_panel=NAMES)(network_commands.datasets)
app.command("methods", rich_help_panel=NAMES)(network_commands.methods)
hardware_app = typer.Typer(invoke_without_command=True, pretty_exceptions_enable=False, rich_markup_mode="markdown")
hardware_app.callback()(network_commands.hardware_list)
hardware_app.command("show")(network_commands.hardware_show)
app.add_typer(hardware_app, name="hardware", rich_help_panel=NAMES)
