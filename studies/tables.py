"""The tables of a storage, all with the prefix ``spikefront_``, so that they can share a database with others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Double, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: Raised with every change to the tables below.
SCHEMA_VERSION = 2
PREFIX = "spikefront_"
_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}  # rows lie in the order of their key: one trial, one page


def _parent(table: str) -> Any:
    """The key of a row that belongs to one row of ``table`` and goes with it."""
    return mapped_column(ForeignKey(f"{PREFIX}{table}.id", ondelete="CASCADE"), primary_key=True)


def _study() -> Any:
    return mapped_column(ForeignKey(f"{PREFIX}studies.id", ondelete="CASCADE"))


class Base(DeclarativeBase):
    """All tables; counts that may be large are 64 bit and every real number is a double."""

    type_annotation_map = {int: BigInteger, float: Double, str: String(255)}  # noqa: RUF012


class SchemaRow(Base):
    """One row with the version of these tables."""

    __tablename__ = f"{PREFIX}schema"
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)


class StudyRow(Base):
    """One study; its definition and the versions of the packages are JSON."""

    __tablename__ = f"{PREFIX}studies"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str]
    definition: Mapped[str] = mapped_column(Text)
    versions: Mapped[str] = mapped_column(Text)


class WorkloadRow(Base):
    """The shapes of a study's network as JSON, once for all trials that share them."""

    __tablename__ = f"{PREFIX}workloads"
    __table_args__ = (UniqueConstraint("study_id", "digest"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    study_id: Mapped[int] = _study()
    digest: Mapped[str] = mapped_column(String(64))
    structure: Mapped[str] = mapped_column(Text)


class TrialRow(Base):
    """One trial; ``number`` is NULL for the baseline. Choices and the sampler's attributes are JSON."""

    __tablename__ = f"{PREFIX}trials"
    __table_args__ = (UniqueConstraint("study_id", "number"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    study_id: Mapped[int] = _study()
    number: Mapped[int | None]
    seed: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    seconds: Mapped[float]
    asked_time_steps: Mapped[int]
    realised_time_steps: Mapped[int | None]
    workload_id: Mapped[int | None] = mapped_column(ForeignKey(f"{PREFIX}workloads.id"))
    choices: Mapped[str] = mapped_column(Text)
    optuna_attributes: Mapped[str] = mapped_column(Text)
    expected_accuracy: Mapped[float | None]


class BudgetRow(Base):
    """One layer of a trial's configuration; ``role`` is "asked" or "realised"."""

    __tablename__ = f"{PREFIX}budgets"
    __table_args__ = _CLUSTERED
    trial_id: Mapped[int] = _parent("trials")
    role: Mapped[str] = mapped_column(String(8), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    layer: Mapped[str]
    pruning_ratio: Mapped[float]
    weight_bits: Mapped[float]
    membrane_bits: Mapped[float | None]
    granularity: Mapped[str] = mapped_column(String(16))


class DensityRow(Base):
    """The measured share of non-zero inputs of one layer in one trial."""

    __tablename__ = f"{PREFIX}densities"
    __table_args__ = _CLUSTERED
    trial_id: Mapped[int] = _parent("trials")
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    layer: Mapped[str]
    input_density: Mapped[float]


class CostRow(Base):
    """The total cost of one trial on the study's hardware, in SI units."""

    __tablename__ = f"{PREFIX}costs"
    __table_args__ = _CLUSTERED
    trial_id: Mapped[int] = _parent("trials")
    network: Mapped[str]
    hardware: Mapped[str]
    time_steps: Mapped[int]
    macs_dense: Mapped[float]
    macs: Mapped[float]
    synops: Mapped[float]
    parameters: Mapped[int]
    parameters_kept: Mapped[int]
    neurons: Mapped[int]
    weight_memory_bytes: Mapped[float]
    index_memory_bytes: Mapped[float]
    membrane_memory_bytes: Mapped[float]
    memory_bytes: Mapped[float]
    energy_joules: Mapped[float]
    latency_seconds: Mapped[float]


class LayerCostRow(Base):
    """The cost of one layer in one trial, in SI units."""

    __tablename__ = f"{PREFIX}layer_costs"
    __table_args__ = _CLUSTERED
    trial_id: Mapped[int] = _parent("trials")
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(32))
    macs_dense: Mapped[float]
    macs: Mapped[float]
    synops: Mapped[float]
    parameters: Mapped[int]
    parameters_kept: Mapped[int]
    neurons: Mapped[int]
    pruning_ratio: Mapped[float]
    weight_bits: Mapped[float | None]
    membrane_bits: Mapped[float | None]
    storage_format: Mapped[str] = mapped_column(String(64))
    weight_memory_bytes: Mapped[float]
    index_memory_bytes: Mapped[float]
    membrane_memory_bytes: Mapped[float]
    break_even_pruning_ratio: Mapped[float | None]
    energy_joules: Mapped[float]
    latency_seconds: Mapped[float]


class MeasurementRow(Base):
    """One metric of one trained network; NULL where the value was not a finite number."""

    __tablename__ = f"{PREFIX}measurements"
    __table_args__ = _CLUSTERED
    trial_id: Mapped[int] = _parent("trials")
    split: Mapped[str] = mapped_column(String(32), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float | None]


class CurvePointRow(Base):
    """The validation accuracy at the end of one epoch of a trial's training; epochs count from 1."""

    __tablename__ = f"{PREFIX}curve_points"
    __table_args__ = _CLUSTERED
    trial_id: Mapped[int] = _parent("trials")
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True)
    accuracy: Mapped[float]


class FrontRow(Base):
    """The hypervolume after a number of finished trials; the reference point is a JSON list."""

    __tablename__ = f"{PREFIX}fronts"
    __table_args__ = (UniqueConstraint("study_id", "finished"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    study_id: Mapped[int] = _study()
    finished: Mapped[int]
    hypervolume: Mapped[float | None]
    reference_point: Mapped[str] = mapped_column(Text)


class FrontMemberRow(Base):
    """One member of a front, by its trial's number, best first objective first."""

    __tablename__ = f"{PREFIX}front_members"
    __table_args__ = _CLUSTERED
    front_id: Mapped[int] = _parent("fronts")
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int]
