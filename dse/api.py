"""The search from Python: ``dse.run`` for a study file, ``dse.explore`` for a study put together in code."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cost_models import InputError
from dse.budget import Limits, best_point, nearest_reachable
from dse.documents import candidates
from dse.options import DEFAULT_STORAGE
from studies import DesignSpace, Evaluation, Study, StudyResults, load_study, study_from_dict

if TYPE_CHECKING:
    import pandas as pd

    from dse.search.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Front:
    """The Pareto front of a study: its members are trials, best in the first objective first."""

    results: StudyResults

    @property
    def members(self) -> tuple[Evaluation, ...]:
        """The trials on the front, each with ``asked`` and ``realised`` configuration, ``cost`` and measurements."""
        return self.results.front.members

    @property
    def hypervolume(self) -> float | None:
        """The volume that the front dominates, up to the uncompressed network's costs; see ``reference_point``."""
        return self.results.hypervolume

    @property
    def reference_point(self) -> tuple[float, ...] | None:
        """The corner from which the hypervolume is measured, one value for each objective."""
        return self.results.reference_point

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self.members)

    def to_pandas(self) -> pd.DataFrame:
        """One row for each member: objectives, accuracies, costs and each layer's budget (``LAYER/weight_bits``)."""
        frame = self.results.to_pandas()
        order = [member.trial for member in self.members]
        return frame[frame["on_front"]].set_index("trial").loc[order].drop(columns=["on_front"]).reset_index()

    def best(
        self,
        *,
        max_memory: str | float | None = None,
        max_energy: str | float | None = None,
        max_latency: str | float | None = None,
        min_accuracy: str | float | None = None,
    ) -> Evaluation:
        """The best trial inside the given limits (quantities such as ``"64KiB"``, ``"5uJ"``, or plain SI numbers).

        The highest validation accuracy wins; with ``min_accuracy``, the smallest cost. The same choice as ``dse
        budget``. Raises :class:`InputError` with the nearest reachable values where nothing fits.
        """
        limits = Limits.of(
            max_memory=max_memory, max_energy=max_energy, max_latency=max_latency, min_accuracy=min_accuracy
        )
        points = candidates(self.results, limits)
        point = best_point(points, limits, self.results.study.objectives.minimize)
        if point is not None:
            return self.results.evaluation(point["trial"])
        nearest = ", ".join(f"{near.name} {near.value:.6g}" for near in nearest_reachable(points, limits))
        raise InputError(
            f"no trial of study {self.results.study.name!r} keeps the limits; nearest: {nearest or 'none'}"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished run gives: the front, and everything that is stored about the study."""

    results: StudyResults

    @property
    def study(self) -> Study:
        """The study as it was run."""
        return self.results.study

    @property
    def front(self) -> Front:
        """The Pareto front."""
        return Front(self.results)

    @property
    def baseline(self) -> Evaluation | None:
        """The uncompressed float network."""
        return self.results.baseline

    @property
    def trials(self) -> tuple[Evaluation, ...]:
        """Every trial by number, skipped and failed ones included."""
        return self.results.evaluations

    def to_pandas(self) -> pd.DataFrame:
        """One row for each trial."""
        return self.results.to_pandas()


def run(
    study: str | Path | Study,
    storage: str | None = None,
    *,
    overrides: Sequence[str] = (),
    trials: int | None = None,
    workers: int | None = None,
    data_root: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Run a study file, a ready study by name or a :class:`studies.Study`; the same call resumes it.

    ``storage`` is an SQLAlchemy URL (default: ``$DSE_STORAGE``, else ``sqlite:///dse.db``); ``overrides`` are
    ``"key=value"`` as with ``dse run --set``. ``on_progress`` is called with a :class:`dse.Progress` after each step.
    Raises :class:`cost_models.InputError` for anything that is wrong with the study.
    """
    from dse.search.run import run_study

    if not isinstance(study, Study):
        study = load_study(study, overrides)
    elif overrides:
        raise InputError("overrides belong to a study file; change a Study with dataclasses.replace instead")
    search = dataclasses.replace(
        study.search,
        trials=study.search.trials if trials is None else trials,
        workers=study.search.workers if workers is None else workers,
    )
    study = dataclasses.replace(study, search=search)
    url = storage or os.environ.get("DSE_STORAGE") or DEFAULT_STORAGE
    return Result(run_study(study, url, None if data_root is None else str(data_root), on_progress))


def explore(
    *,
    network: str | Callable[..., Any],
    data: str | Callable[..., Any],
    space: Mapping[str, Any] | DesignSpace,
    hardware: str | Path = "edge_asic_45nm",
    name: str | None = None,
    maximize: Sequence[str] = ("accuracy",),
    minimize: Sequence[str] = ("memory_bytes", "energy_joules"),
    constraints: Mapping[str, str | float] | None = None,
    method: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    seed: int = 0,
    storage: str | None = None,
    data_root: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Search for the best per-layer compression of a network; every argument is a table or a value of a study file.

    ``network`` and ``data`` are built-in names, references (``"path/to/file.py:factory"``) or the factories themselves:
    functions or classes at the top level of a file, so that the study can be repeated and other processes can call
    them. ``space`` is written as in a study file: ``{"pruning_ratio": {"low": 0, "high": 0.9, "step": 0.1},
    "weight_bits": [2, 4, 8]}``. ``search`` holds ``trials``, ``sampler``, ``workers`` and so on. ``name`` is the
    study's name in the storage (default: network and data). In a script, call it under ``if __name__ == "__main__":``.
    """
    _refuse_a_second_start(sys._getframe(1).f_globals.get("__name__", ""))
    network_reference, data_reference = reference_of("network", network), reference_of("data", data)
    tables: dict[str, Any] = {
        "name": name or f"{_short(network_reference)}-{_short(data_reference)}",
        "seed": seed,
        "task": {"network": network_reference, "dataset": data_reference},
        "method": method or {},
        "hardware": {"profile": str(hardware)},
        "objectives": {"maximize": list(maximize), "minimize": list(minimize)},
        "constraints": constraints or {},
        "training": training or {},
        "search": search or {},
    }
    study = study_from_dict(tables if isinstance(space, DesignSpace) else {**tables, "space": space})
    if isinstance(space, DesignSpace):
        study = dataclasses.replace(study, space=space)
    return run(study, storage, data_root=data_root, on_progress=on_progress)


def reference_of(what: str, given: str | Callable[..., Any]) -> str:
    """The text by which a study names a factory: ``package.module:name``, or ``path/to/script.py:name``.

    Raises :class:`InputError` for what has no such name: a module object, a lambda, a function inside a function.

    >>> from collections import Counter
    >>> reference_of("network", Counter)
    'collections:Counter'
    """
    if isinstance(given, str):
        return given
    module, name = getattr(given, "__module__", None), getattr(given, "__qualname__", None)
    home = sys.modules.get(module or "")
    if home is None or name is None or getattr(home, name, None) is not given:
        raise InputError(
            f"{what} is {type(given).__name__} {name or ''}".rstrip()
            + "; give a function or class at the top level of a file that builds it, or its name, "
            "so that the study can be repeated"
        )
    if module != "__main__":
        return f"{module}:{name}"
    script = getattr(home, "__file__", None)
    if script is None:
        raise InputError(
            f"{what}: {name} was defined interactively; put it into a file so that the study can be repeated"
        )
    path = Path(script).resolve()
    return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{name}"


def _short(reference: str) -> str:
    return reference.rpartition(":")[2]


def _refuse_a_second_start(caller: str) -> None:
    """A script is loaded again for its factories, and once more in each worker: the call must not start again there."""
    if caller == "__mp_main__" or caller.startswith("spikefront_user_"):
        raise InputError(
            'call dse.explore under if __name__ == "__main__": as its file is loaded again for the factories'
        )
