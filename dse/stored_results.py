"""The results of the study that a command names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from cost_models import InputError

if TYPE_CHECKING:
    from studies import StudyResults


def stored_results(study: str, storage: str, *, layer_costs: bool = True) -> StudyResults:
    """What the storage holds of a study, named as it is stored or by the file that names it."""
    from studies import StudyStore

    if study.endswith(".toml") and Path(study).is_file():
        try:
            study = str(tomllib.loads(Path(study).read_text(encoding="utf-8"))["name"])
        except (KeyError, OSError, ValueError):
            raise InputError(f"{study} is not a study file with a name; give the name of a stored study") from None
    with StudyStore(storage) as store:
        return store.results(study, layer_costs=layer_costs)
