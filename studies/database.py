"""Opens a database safely: looks before it writes, and says in one sentence what is wrong with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from weakref import finalize

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, InternalError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from cost_models import InputError
from studies.tables import PREFIX, SCHEMA_VERSION, Base, SchemaRow

_EXAMPLE = "write for example sqlite:///dse.db"
_SQLITE_HEADER = b"SQLite format 3\x00"


class Database:
    """One database by its SQLAlchemy URL; nothing is written to it before :meth:`prepare` or :meth:`writing`.

    SQLite files get a write-ahead log, foreign keys and a busy timeout, and a writing transaction takes its lock at the
    beginning, so that two processes wait for each other and do not fail. Every fault of the database itself is an
    :class:`InputError` that names the storage.
    """

    def __init__(self, url: str, busy_timeout_seconds: float) -> None:
        self.url = _parsed(url)
        self.name = self.url.render_as_string(hide_password=True)
        self._sqlite = self.url.get_backend_name() == "sqlite"
        self.file = _sqlite_file(self.url) if self._sqlite else None
        self._engine = self._connect(busy_timeout_seconds)
        self._immediate = self._engine.execution_options(immediate=True)
        self._ready = False
        finalize(self, self._engine.dispose)

    def _connect(self, busy_timeout_seconds: float) -> Engine:
        options: dict[str, Any] = {}
        if self._sqlite:
            options["connect_args"] = {"timeout": busy_timeout_seconds}
            if self.file is None and not self.url.query:  # all connections must see the same memory
                options["poolclass"] = StaticPool
                options["connect_args"]["check_same_thread"] = False
        try:
            engine = create_engine(self.url, **options)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise InputError(f"storage {self.name} needs a database driver that is not installed: {error}") from None
        except ArgumentError:
            raise InputError(f"storage {self.name} is not a database URL; {_EXAMPLE}") from None
        if self._sqlite:
            event.listen(engine, "connect", _on_connect)
            event.listen(engine, "begin", _on_begin)
        return engine

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._engine.dispose()

    @property
    def ready(self) -> bool:
        """Whether our tables are there in the right version; :class:`InputError` if the database cannot be used.

        False for a database without our tables, which may hold those of others, and for a file that does not exist.
        """
        if not self._ready and self._readable_file():
            try:
                with self._explained(), self._engine.connect() as connection:
                    self._ready = self._has_tables(connection)
            except InputError:
                self.close()  # leave no side files of a write-ahead log behind
                raise
        return self._ready

    def _readable_file(self) -> bool:
        """Whether there is anything to look into; refuses what is no SQLite file before SQLite opens it."""
        if self.file is None:
            return True
        if self.file.is_dir():
            raise InputError(f"storage {self.name}: {self.file} is a folder; name a file in it")
        if not self.file.exists():
            return False
        try:
            with self.file.open("rb") as file:
                header = file.read(len(_SQLITE_HEADER))
        except OSError as error:
            raise InputError(f"storage {self.name} cannot be read: {error.strerror or error}") from None
        if header and header != _SQLITE_HEADER:
            raise InputError(f"storage {self.name}: {self.file} is not an SQLite database; name another file")
        return bool(header)

    def _has_tables(self, connection: Connection) -> bool:
        found = {table for table in inspect(connection).get_table_names() if table.startswith(PREFIX)}
        if not found:
            return False
        missing = sorted(set(Base.metadata.tables) - found)
        if SchemaRow.__tablename__ in found:
            version = self.version_in(connection)
            if version != SCHEMA_VERSION:
                age = "a newer" if version > SCHEMA_VERSION else "an older"
                way = "use that one" if version > SCHEMA_VERSION else "bring it up to date with dse upgrade"
                raise InputError(
                    f"storage {self.name} was written by {age} spikefront (its tables have version {version}, this one "
                    f"reads version {SCHEMA_VERSION}); {way}, or name another storage"
                )
        if missing:
            raise InputError(f"storage {self.name} is damaged: it lacks the table {missing[0]}; name another storage")
        return True

    def version(self) -> int | None:
        """The version of our tables, whatever it is; None where there are none."""
        if not self._readable_file():
            return None
        with self._explained(), self._engine.connect() as connection:
            there = SchemaRow.__tablename__ in inspect(connection).get_table_names()
            return self.version_in(connection) if there else None

    def version_in(self, connection: Connection) -> int:
        """The version that the tables say they have."""
        versions = list(connection.scalars(select(SchemaRow.version)))
        if len(versions) != 1 or not isinstance(versions[0], int):
            raise InputError(f"storage {self.name} is damaged: its tables have no version; name another storage")
        return versions[0]

    def copy_to(self, place: str) -> Path:
        """Copy the SQLite file as it is at this moment, write-ahead log included; refuses to replace a file."""
        copy = Path(place)
        if copy.exists():
            raise InputError(f"storage {self.name}: {copy} is there already; move it away, as the copy goes there")
        with self._explained(), self._engine.connect() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        return copy

    def prepare(self) -> None:
        """Create the file and our tables where they are missing; tables of others are left alone."""
        if self.ready:
            return
        if self.file is not None and not self.file.parent.is_dir():
            raise InputError(f"storage {self.name}: there is no folder {self.file.parent}; create it first")
        with self._explained():
            if self.file is not None:
                self._switch_to_write_ahead_log()
            with self._immediate.begin() as connection:
                if not self._has_tables(connection):  # another process may have been faster
                    Base.metadata.create_all(connection)
                    connection.execute(insert(SchemaRow), {"version": SCHEMA_VERSION})
        self._ready = True

    def _switch_to_write_ahead_log(self) -> None:
        connection = self._engine.raw_connection()  # the mode cannot change within a transaction
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database."""
        with self._explained(), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are all made when the block ends, or not at all."""
        with self._explained(), self._immediate.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, sqlite3.Error) as error:
            # Other kinds, such as a broken constraint, are our own mistakes and keep their traceback.
            if isinstance(error, OperationalError | InternalError | sqlite3.Error) or type(error) is DatabaseError:
                raise InputError(f"storage {self.name} {_fault(str(getattr(error, 'orig', error)))}") from error
            raise


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise InputError(f"storage {url!r} is not a database URL; {_EXAMPLE}") from None


def _sqlite_file(url: URL) -> Path | None:
    """The file behind an SQLite URL; None for a database in memory or one with SQLite's own URI options."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return None
    return Path(url.database)


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, not at the first change
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    # With a write-ahead log this is safe against a killed process, and a commit need not wait for the disk.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _fault(message: str) -> str:
    """What is wrong and what would be right, after the storage's name."""
    text = message.strip().splitlines()[0] if message.strip() else "unknown fault"
    for sign, sentence in (
        ("locked", "is locked by another program; wait until that ends, or name another storage"),
        ("readonly", "is read-only; make the file and its folder writable, or name another storage"),
        ("not a database", "is not an SQLite database, or is encrypted; name another file"),
        ("malformed", "is a damaged SQLite database; restore a copy, or name another file"),
        ("unable to open", "cannot be opened; check that its folder exists and that you may read and write there"),
        ("disk is full", "cannot be written: the disk is full"),
    ):
        if sign in text:
            return sentence
    return f"cannot be used: {text}"
