"""The commands that take a compressed network home: ``dse export`` and ``dse verify``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cost_models.quantities import format_quantity
from dse.console import print_json, print_out
from dse.options import DEFAULT_STORAGE, AsJson, DataRoot, Storage, StudyName

NOT_AS_EXPORTED = 1


def export(
    study: StudyName,
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="Number of a trial, or 'baseline', the uncompressed one.")
    ],
    form: Annotated[
        str,
        typer.Option("--format", metavar="NAME", help="How the network is written; see dse methods."),
    ],
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write.")],
    storage: Storage = DEFAULT_STORAGE,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """The compressed network of one trial, as files.

    Trained weights are not stored: the network is trained again from the trial's seed, which gives the same weights,
    and its accuracy on validation is compared with the stored one. What is written is read back and measured on the
    test split; dse verify DIR measures it again. A packed network runs on integers alone, spike for spike the same.
    """
    from dse.documents import find_trial
    from dse.export.trial import export_trial
    from dse.stored_results import stored_results

    results = stored_results(study, storage)
    evaluation = find_trial(results, trial)
    root = str(data_root) if data_root else None
    manifest = export_trial(results.study, evaluation, form, folder, root)
    if not manifest["reproduced"]:
        stored = evaluation.value("validation")
        print(
            f"dse: trained again here, trial {trial} reaches {manifest['accuracy_validation']} on validation, not the "
            f"stored {stored}: another machine or version; what was exported is the network trained here",
            file=sys.stderr,
        )
    if as_json:
        return print_json(manifest)
    print_out(f"Trial {trial} of {results.study.name!r} written to {folder} ({form}).")
    _show(manifest["measured"], manifest)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that dse export wrote.")],
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Run Python files or modules that the export names as its network or data."),
    ] = False,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> int | None:
    """Run an exported network over the test split again: its accuracy, spikes and bytes.

    Exit code 1 if one of them is not what it was when the network was exported. A network or data set of one's own is
    Python code, which an export names; it is run only with --trust-code, and refused with exit code 2 without it.
    """
    from dse.export.trial import verify as verified

    root = str(data_root) if data_root else None
    verification = verified(folder, root, os.environ.get("DSE_CACHE"), trust_code=trust_code)
    document = verification.to_dict()
    if as_json:
        print_json(document)
    else:
        _show(document, document)
    for difference in verification.differences:
        print(f"dse: not as exported: {difference}", file=sys.stderr)
    if not as_json and not verification.differences:
        print_out("All as exported.")
    return NOT_AS_EXPORTED if verification.differences else None


def _show(measured: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    print_out(
        f"{measured['split']} split, {measured['samples']} samples: accuracy {measured['accuracy']:.4f}, "
        f"{measured['spikes']:,} spikes, {measured['spikes'] / measured['samples']:,.1f} a sample."
    )
    parts = document["bytes"]
    listed = ", ".join(f"{name} {format_quantity(size, 'bytes')}" for name, size in parts.items())
    model = document["cost_model_bytes"]
    print_out(
        f"In the files: {format_quantity(sum(parts.values()), 'bytes')} ({listed}); the cost model charges "
        f"{format_quantity(model['weight_memory_bytes'] + model['index_memory_bytes'], 'bytes')} for the weights."
    )
