"""What is asked and what was found; the only folder with SQL.

Names are loaded when they are used, so that reading a study file does not load the database layer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studies.design_space import Choices, DesignSpace, LayerChoices
    from studies.evaluation import Evaluation, Measurement, State
    from studies.method_choices import MethodChoices
    from studies.objectives import OBJECTIVES, Objective, class_recalls, constraint_names, cost_value, limit_names
    from studies.pareto import FrontSnapshot, ParetoFront, fits, hypervolume, reference_point
    from studies.recall import RecallDistortion, distortion_measurements, recall_distortion
    from studies.recosting import recosted
    from studies.results import StudyResults
    from studies.store import StudyStore
    from studies.study import Method, Objectives, Search, Study, Task, Training
    from studies.study_dict import fingerprint, study_from_dict, study_to_dict
    from studies.study_file import load_study, ready_studies

_HOMES = {
    "studies.design_space": ("Choices", "DesignSpace", "LayerChoices"),
    "studies.evaluation": ("Evaluation", "Measurement", "State"),
    "studies.method_choices": ("MethodChoices",),
    "studies.objectives": ("OBJECTIVES", "Objective", "class_recalls", "constraint_names", "cost_value", "limit_names"),
    "studies.pareto": ("FrontSnapshot", "ParetoFront", "fits", "hypervolume", "reference_point"),
    "studies.recall": ("RecallDistortion", "distortion_measurements", "recall_distortion"),
    "studies.recosting": ("recosted",),
    "studies.results": ("StudyResults",),
    "studies.store": ("StudyStore",),
    "studies.study": ("Method", "Objectives", "Search", "Study", "Task", "Training"),
    "studies.study_dict": ("fingerprint", "study_from_dict", "study_to_dict"),
    "studies.study_file": ("load_study", "ready_studies"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "OBJECTIVES",
    "Choices",
    "DesignSpace",
    "Evaluation",
    "FrontSnapshot",
    "LayerChoices",
    "Measurement",
    "Method",
    "MethodChoices",
    "Objective",
    "Objectives",
    "ParetoFront",
    "RecallDistortion",
    "Search",
    "State",
    "Study",
    "StudyResults",
    "StudyStore",
    "Task",
    "Training",
    "class_recalls",
    "constraint_names",
    "cost_value",
    "distortion_measurements",
    "fingerprint",
    "fits",
    "hypervolume",
    "limit_names",
    "load_study",
    "ready_studies",
    "recall_distortion",
    "recosted",
    "reference_point",
    "study_from_dict",
    "study_to_dict",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'studies' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
