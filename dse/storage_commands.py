"""The commands that look after a storage: ``dse doctor`` and ``dse upgrade``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dse.console import print_json, print_out
from dse.options import DEFAULT_STORAGE, AsJson, Storage

NOT_SOUND = 1


def doctor(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Name of a study; all in the storage without one.")
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """Check a storage: costs, fronts and hypervolumes computed anew, rows that belong to nothing. Changes nothing.

    Ends with exit code 1 where something does not agree.
    """
    from studies import StudyStore

    with StudyStore(storage) as store:
        checkups = [store.check_up(name) for name in ([study] if study else store.names())]
        faults = store.faults()
        document: dict[str, Any] = {
            "storage": store.url,
            "sound": not faults and not any(checkup.findings for checkup in checkups),
            "faults": list(faults),
            "studies": [checkup.to_dict() for checkup in checkups],
        }
    if as_json:
        print_json(document)
    else:
        print_out(*_lines(document))
    if not document["sound"]:
        raise typer.Exit(NOT_SOUND)


def upgrade(
    copied: Annotated[
        bool, typer.Option("--copied", help="A copy of the database exists (needed where it is no SQLite file).")
    ] = False,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """Bring a storage that an older spikefront wrote up to date; an SQLite file is copied first."""
    from studies.upgrade import upgrade_storage

    done = upgrade_storage(storage, copied=copied)
    if as_json:
        copy = None if done.copy is None else str(done.copy)
        return print_json({"storage": done.storage, "before": done.before, "now": done.now, "copy": copy})
    if done.before == done.now:
        return print_out(f"{done.storage} is up to date (version {done.now}).")
    kept = "" if done.copy is None else f"; as it was, it is kept in {done.copy}"
    print_out(f"{done.storage} is now of version {done.now}, before {done.before}{kept}.")


def _lines(document: dict[str, Any]) -> list[str]:
    lines = [f"{document['storage']}: {fault}" for fault in document["faults"]]
    for one in document["studies"]:
        looked_at = f"{one['trials']} trials, {one['costs']} costs and {one['fronts']} fronts computed anew"
        lines += [f"{one['study']}: {looked_at}{'' if one['findings'] else ', all as stored'}"]
        lines += [f"  {finding}" for finding in one["findings"]]
    if not document["studies"]:
        lines.append(f"No study in {document['storage']} yet.")
    return lines
