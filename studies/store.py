"""The memory of all studies: takes and gives domain values; no row and no session leaves this folder."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from cost_models import InputError, Workload, unknown_name
from studies.checkup import Checkup, check_up
from studies.database import Database
from studies.evaluation import Evaluation, Measurement, State
from studies.pareto import FrontSnapshot
from studies.queries import read_evaluations, read_fronts
from studies.results import StudyResults
from studies.rows import Row, child_rows, measurement_rows, sound, to_json, trial_row, workload_structure
from studies.storage_faults import storage_faults
from studies.study import Study
from studies.study_dict import first_difference, study_from_dict, study_to_dict
from studies.tables import Base, FrontMemberRow, FrontRow, MeasurementRow, StudyRow, TrialRow, WorkloadRow

_RECORDED_PACKAGES = ("spikefront", "torch", "optuna", "numpy", "numba", "sqlalchemy", "moocore")

# Written once, since building a statement takes longer than running it.
_STUDY_ID = select(StudyRow.id).where(StudyRow.name == bindparam("name"))
_STUDY_NAMES = select(StudyRow.name).order_by(StudyRow.id)
_WORKLOAD_ID = select(WorkloadRow.id).where(
    WorkloadRow.study_id == bindparam("study"), WorkloadRow.digest == bindparam("digest")
)
_OF_STUDY = select(TrialRow.id, TrialRow.state).where(TrialRow.study_id == bindparam("study"))
_TRIAL = _OF_STUDY.where(TrialRow.number == bindparam("trial"))
_BASELINE = _OF_STUDY.where(TrialRow.number.is_(None))
_DELETE_TRIAL = delete(TrialRow).where(TrialRow.id == bindparam("key"))
_MEASUREMENT_KEY = ("trial_id", "split", "metric", "seed")
_DELETE_MEASUREMENT = delete(MeasurementRow).where(
    *(getattr(MeasurementRow, column) == bindparam(f"old_{column}") for column in _MEASUREMENT_KEY)
)


class StudyStore:
    """All studies of one database (any SQLAlchemy URL).

    A database that cannot be used (no database at all, damaged, locked, written by another version) is refused with an
    :class:`InputError` and left as it is. Tables of others in the same database are left alone. An SQLite file that
    does not exist is created by :meth:`create` only. Every method is one transaction: a process that is killed leaves
    either all of it or nothing.
    """

    def __init__(self, url: str, *, busy_timeout_seconds: float = 30.0) -> None:
        self._database = Database(url, busy_timeout_seconds)
        self.url = self._database.name
        _ = self._database.ready  # refuse early what cannot be used

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._database.close()

    def create(self, study: Study) -> None:
        """Store a study, or go on with the stored one: then only its trials, workers, engine and seeds are taken over.

        Raises :class:`InputError` with the key and both values if a stored study of this name differs in anything else.
        """
        self._database.prepare()
        definition = to_json(study_to_dict(study))
        with self._database.writing() as connection:
            columns = select(StudyRow.id, StudyRow.name, StudyRow.definition).where(StudyRow.name == study.name)
            stored = connection.execute(columns).one_or_none()
            if stored is None:
                created = datetime.now(UTC).isoformat()
                row = {"name": study.name, "created": created, "definition": definition, "versions": _versions()}
                connection.execute(insert(StudyRow), row)
                return
            difference = first_difference(_definition(stored.name, stored.definition, self.url), study)
            if difference:
                key, old, new = difference
                raise InputError(
                    f"study {study.name!r} is stored in {self.url} with {key} = {old}, and now {key} = {new} is asked "
                    "for; go back to the old value, or give the study another name"
                )
            if stored.definition != definition:
                connection.execute(update(StudyRow).where(StudyRow.id == stored.id).values(definition=definition))

    def names(self) -> tuple[str, ...]:
        """The names of all studies, the oldest first."""
        if not self._database.ready:
            return ()
        with self._database.reading() as session:
            return tuple(session.scalars(_STUDY_NAMES))

    def study(self, name: str) -> Study:
        """One study by its name; :class:`InputError` with the nearest name if there is none."""
        with self._reading(name) as session:
            row = self._row(session, name)
            return _definition(row.name, row.definition, self.url)

    def add(self, name: str, evaluation: Evaluation) -> None:
        """Store a trial, in place of the running one of the same number, or the baseline, in place of an earlier one.

        A measurement that is not a finite number is stored as NULL and read as NaN, and the trial as a failed one.
        Raises :class:`InputError` if a trial of this number has ended already.
        """
        evaluation = sound(evaluation)
        with self._writing(name) as (connection, study_id):
            old = _find_trial(connection, study_id, evaluation.trial)
            if old is not None:
                if evaluation.trial is not None and old.state != State.RUNNING:
                    raise InputError(
                        f"trial {evaluation.trial} of study {name!r} is {old.state} already; does another run go on?"
                    )
                connection.execute(_DELETE_TRIAL, {"key": old.id})
            row = trial_row(evaluation) | {"study_id": study_id}
            row["workload_id"] = _workload_id(connection, study_id, evaluation.workload)
            trial_id = _insert(connection, TrialRow, row)
            for table, rows in child_rows(evaluation, trial_id):
                connection.execute(insert(table), rows)

    def add_measurements(self, name: str, trial: int | None, measurements: Iterable[Measurement]) -> None:
        """Add to a stored trial (None: the baseline), in place of measurements of the same split, metric and seed."""
        with self._writing(name) as (connection, study_id):
            found = _find_trial(connection, study_id, trial)
            if found is None:
                raise InputError(f"study {name!r} has no {'baseline' if trial is None else f'trial {trial}'}")
            rows = measurement_rows(measurements, found.id)
            for row in rows:
                connection.execute(_DELETE_MEASUREMENT, {f"old_{column}": row[column] for column in _MEASUREMENT_KEY})
            if rows:
                connection.execute(insert(MeasurementRow), rows)

    def evaluations(self, name: str) -> list[Evaluation]:
        """All trials by number, in whatever state; the baseline is left out."""
        with self._reading(name) as session:
            return read_evaluations(session, self._row(session, name).id, TrialRow.number.is_not(None))

    def baseline(self, name: str) -> Evaluation | None:
        """The uncompressed network, if it was evaluated."""
        with self._reading(name) as session:
            return _baseline(session, self._row(session, name).id)

    def add_front(self, name: str, front: FrontSnapshot) -> None:
        """Store the front after a number of finished trials, in place of an earlier one for the same number."""
        finite = front.hypervolume is not None and math.isfinite(front.hypervolume)
        row: Row = {
            "finished": front.finished,
            "hypervolume": front.hypervolume if finite else None,
            "reference_point": to_json(front.reference_point),
        }
        with self._writing(name) as (connection, study_id):
            same = (FrontRow.study_id == study_id, FrontRow.finished == front.finished)
            connection.execute(delete(FrontRow).where(*same))
            front_id = _insert(connection, FrontRow, row | {"study_id": study_id})
            members = [
                {"front_id": front_id, "position": position, "number": number}
                for position, number in enumerate(front.members)
            ]
            if members:
                connection.execute(insert(FrontMemberRow), members)

    def fronts(self, name: str) -> list[FrontSnapshot]:
        """All stored fronts by the number of finished trials."""
        with self._reading(name) as session:
            return read_fronts(session, self._row(session, name).id)

    def results(self, name: str, *, layer_costs: bool = True) -> StudyResults:
        """Everything about one study, as of one moment; without ``layer_costs`` the trials' costs in total only."""
        with self._reading(name) as session:
            row = self._row(session, name)
            return StudyResults(
                study=_definition(row.name, row.definition, self.url),
                baseline=_baseline(session, row.id),
                evaluations=tuple(
                    read_evaluations(session, row.id, TrialRow.number.is_not(None), layer_costs=layer_costs)
                ),
                fronts=tuple(read_fronts(session, row.id)),
                created=datetime.fromisoformat(row.created),
                versions=json.loads(row.versions),
            )

    def check_up(self, name: str) -> Checkup:
        """Compute what follows from a study's trials anew; a study that cannot be read is a finding, not an error."""
        if name not in self.names():
            self.study(name)  # says which names there are
        try:
            return check_up(self.results(name))
        except InputError as error:
            return Checkup(name, findings=(str(error),))

    def faults(self) -> tuple[str, ...]:
        """What is wrong with the storage as a whole, a sentence for each kind of fault."""
        if not self._database.ready:
            return ()
        with self._database.reading() as session:
            return tuple(storage_faults(session))

    @contextmanager
    def _reading(self, name: str) -> Iterator[Session]:
        self._require_tables(name)
        try:
            with self._database.reading() as session:
                yield session
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, InputError) and self.url in str(error):
                raise
            # a row that our own types refuse: somebody else wrote it
            raise InputError(f"storage {self.url}, study {name!r}: {error}") from error

    @contextmanager
    def _writing(self, name: str) -> Iterator[tuple[Connection, int]]:
        """A connection for one transaction, and the key of the study."""
        self._require_tables(name)
        with self._database.writing() as connection:
            study_id = connection.scalar(_STUDY_ID, {"name": name})
            if study_id is None:
                raise self._unknown(name, connection.scalars(_STUDY_NAMES))
            yield connection, study_id

    def _require_tables(self, name: str) -> None:
        if not self._database.ready:
            raise InputError(f"there is no study {name!r} in storage {self.url}: no study is stored there yet")

    def _row(self, session: Session, name: str) -> StudyRow:
        row = session.scalars(select(StudyRow).where(StudyRow.name == name)).one_or_none()
        if row is None:
            raise self._unknown(name, session.scalars(_STUDY_NAMES))
        return row

    def _unknown(self, name: str, names: Iterable[str]) -> InputError:
        return InputError(f"storage {self.url}: " + unknown_name("study", name, tuple(names)))


def _definition(name: str, definition: str, url: str) -> Study:
    try:
        return study_from_dict(json.loads(definition))
    except (InputError, json.JSONDecodeError) as error:
        raise InputError(f"storage {url}: study {name!r} cannot be read: {error}") from None


def _baseline(session: Session, study_id: int) -> Evaluation | None:
    return next(iter(read_evaluations(session, study_id, TrialRow.number.is_(None))), None)


def _find_trial(connection: Connection, study_id: int, number: int | None) -> Any:
    """The key and the state of a trial; None if it is not stored."""
    if number is None:
        return connection.execute(_BASELINE, {"study": study_id}).one_or_none()
    return connection.execute(_TRIAL, {"study": study_id, "trial": number}).one_or_none()


def _insert(connection: Connection, table: type[Base], row: Row) -> int:
    key = connection.execute(insert(table), row).inserted_primary_key
    if key is None:
        raise RuntimeError(f"the database gave no key for a new row of {table.__tablename__}")
    return int(key[0])


def _workload_id(connection: Connection, study_id: int, workload: Workload | None) -> int | None:
    """The key of the workload with these shapes; a new one where there is none."""
    if workload is None:
        return None
    structure, digest = workload_structure(workload)
    known = connection.scalar(_WORKLOAD_ID, {"study": study_id, "digest": digest})
    row = {"study_id": study_id, "digest": digest, "structure": structure}
    return known if known is not None else _insert(connection, WorkloadRow, row)


def _versions() -> str:
    versions = {"python": platform.python_version()}
    for package in _RECORDED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # run from a checkout, or an optional package
            continue
    return to_json(versions)
