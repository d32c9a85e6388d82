"""Brings the tables of an older storage up to this version, with a copy of its file put aside first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Double, update

from cost_models import InputError
from studies.database import Database
from studies.tables import SCHEMA_VERSION, SchemaRow


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From which version of the tables to which; ``copy`` is the file as it was, None where nothing was to do."""

    storage: str
    before: int
    now: int
    copy: Path | None


def _from_version_1(connection: Connection) -> None:
    """Trainings that were stopped early have a curve and an expected accuracy."""
    double = Double().compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE spikefront_trials ADD COLUMN expected_accuracy {double}")
    connection.exec_driver_sql(
        f"CREATE TABLE spikefront_curve_points (trial_id INTEGER NOT NULL, epoch INTEGER NOT NULL, accuracy {double} "
        "NOT NULL, PRIMARY KEY (trial_id, epoch), "
        "FOREIGN KEY(trial_id) REFERENCES spikefront_trials (id) ON DELETE CASCADE)"
        + (" WITHOUT ROWID" if connection.dialect.name == "sqlite" else "")
    )


#: What leads from each version to the next one. Written out: it stays as it is when the tables change again.
STEPS: dict[int, Callable[[Connection], None]] = {1: _from_version_1}


def upgrade_storage(url: str, *, copied: bool = False, busy_timeout_seconds: float = 30.0) -> Upgrade:
    """Change an older storage into one that this version reads, all at once or not at all.

    The SQLite file is copied first, to its own name with ``.version-N`` behind it; for any other database the user says
    with ``copied`` that there is a copy. Raises :class:`InputError` for a storage that cannot be upgraded.
    """
    database = Database(url, busy_timeout_seconds)
    try:
        before = database.version()
        if before is None:
            raise InputError(f"storage {database.name} holds no study; there is nothing to upgrade")
        if before == SCHEMA_VERSION:
            return Upgrade(database.name, before, before, None)
        if before > SCHEMA_VERSION or not all(version in STEPS for version in range(before, SCHEMA_VERSION)):
            raise InputError(
                f"storage {database.name} has tables of version {before}; this spikefront knows the way to version "
                f"{SCHEMA_VERSION} from {', '.join(map(str, STEPS))} only"
            )
        if database.file is None and not copied:
            raise InputError(
                f"storage {database.name} is no SQLite file, which would be copied first: make a copy with the tools "
                "of your database, then say so with --copied"
            )
        copy = None if database.file is None else database.copy_to(f"{database.file}.version-{before}")
        try:
            with database.writing() as connection:
                if database.version_in(connection) == before:  # another process may have been faster
                    for version in range(before, SCHEMA_VERSION):
                        STEPS[version](connection)
                    connection.execute(update(SchemaRow).values(version=SCHEMA_VERSION))
        except BaseException:
            if copy is not None:
                copy.unlink()  # of a storage that is as it was
            raise
        _ = database.ready  # says what is wrong with it, if anything is
        return Upgrade(database.name, before, SCHEMA_VERSION, copy)
    finally:
        database.close()
