"""What is wrong with a storage as a whole: rows that belong to nothing, and what SQLite finds in its own file."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from studies.tables import Base, FrontMemberRow, FrontRow, TrialRow


def storage_faults(session: Session) -> Iterator[str]:
    """One sentence for each kind of fault; none for a sound storage."""
    if session.get_bind().dialect.name == "sqlite":
        first, *_ = session.scalars(text("PRAGMA integrity_check"))
        if first != "ok":
            yield f"SQLite finds its file damaged: {first}"
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            parent = key.column.table.alias()
            orphaned = key.parent.is_not(None) & ~exists().where(parent.c[key.column.name] == key.parent)
            if count := session.scalar(select(func.count()).select_from(table).where(orphaned)):
                yield f"{count} rows of {table.name} belong to no row of {key.column.table.name}"
    stored = exists().where(TrialRow.study_id == FrontRow.study_id, TrialRow.number == FrontMemberRow.number)
    members = select(func.count()).select_from(FrontMemberRow).join(FrontRow, FrontRow.id == FrontMemberRow.front_id)
    if count := session.scalar(members.where(~stored)):
        yield f"{count} rows of {FrontMemberRow.__tablename__} name a trial that is not stored"
