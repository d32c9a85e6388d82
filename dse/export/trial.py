"""From a stored trial to an exported folder, and from a folder to what its network is measured to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cost_models import FULL_PRECISION, InputError
from dse.datasets import load_dataset
from dse.evaluate import data_of, network_of, training_of
from dse.export import EXPORT_FORMATS
from dse.export.export_format import ExportFormat, Measured, TrainedTrial
from dse.export.folder import check_writable, read_folder, write_folder
from dse.export.manifest import MANIFEST, check_manifest
from dse.integer_inference import NotExactError
from dse.references import is_reference
from dse.training import one_thread
from studies import Evaluation, State, Study

SPLIT = "test"
EVENTS = ("slicing", "frame_size", "corrupt")


def export_trial(
    study: Study, evaluation: Evaluation, form: str, folder: Path, data_root: str | None
) -> dict[str, Any]:
    """Train the network of a finished trial again, write it, read it back and measure it; gives the manifest.

    ``reproduced`` in it tells whether the validation accuracy is the stored one, to the last digit.
    """
    chosen = EXPORT_FORMATS[form]
    name = "the uncompressed network" if evaluation.trial is None else f"trial {evaluation.trial}"
    _check_exportable(evaluation, chosen, name)
    check_writable(folder)
    with one_thread():
        network, realised, again = network_of(study, evaluation, data_root)
        dataset = data_of(study, data_root, realised.time_steps)
        training, schedule, loss = training_of(study, data_root, realised.time_steps)
        trial = TrainedTrial(
            *(study, network, realised, dataset.input_shape, dataset.classes, dataset.test),
            *(training, schedule, loss, evaluation.seed),
        )

        def fill(draft: Path) -> dict[str, Any]:
            try:
                details = chosen.write(trial, draft)
            except NotExactError as error:
                raise InputError(f"{name} has no integer form: {error}") from None
            manifest = {**_about(study, evaluation, form, trial), **details}
            manifest["measured"] = {"split": SPLIT, **chosen.open(draft, manifest)(dataset.test).to_dict()}
            manifest["bytes"] = chosen.memory(draft, manifest)
            return manifest

        manifest = write_folder(folder, fill)
    stored = evaluation.value("validation")
    return {**manifest, "accuracy_validation": again, "reproduced": again == stored}


def _check_exportable(evaluation: Evaluation, chosen: ExportFormat, name: str) -> None:
    """What can be known of a trial before it is trained again."""
    if not evaluation.state.finished or evaluation.state is State.STOPPED:
        raise InputError(f"{name} is {evaluation.state.value}; only complete trials can be exported")
    for budget in evaluation.asked.budgets if chosen.whole_numbers else ():
        if budget.weight_bits == FULL_PRECISION:
            raise InputError(
                f"{name} has no integer form: layer {budget.layer!r} has float weights; export it with --format torch"
            )


def _about(study: Study, evaluation: Evaluation, form: str, trial: TrainedTrial) -> dict[str, Any]:
    cost = evaluation.cost.to_dict()["total"] if evaluation.cost else {}
    return {
        "format": form,
        "study": study.name,
        "trial": evaluation.trial,
        "seed": evaluation.seed,
        "dataset": study.task.dataset,
        "events": {key: getattr(study.task, key) for key in EVENTS},
        "input_shape": list(trial.input_shape),
        "classes": trial.classes,
        "time_steps": trial.realised.time_steps,
        "configuration": trial.realised.to_dict(),
        "cost_model_bytes": {name: cost[name] for name in cost if name.endswith("memory_bytes")},
    }


@dataclass(frozen=True, slots=True)
class Verification:
    """What an exported network was measured to be now, beside what its manifest says."""

    manifest: Mapping[str, Any]
    measured: Measured
    memory: Mapping[str, int]

    @property
    def differences(self) -> list[str]:
        """What is no longer as it was, in words; empty where all is."""
        said, now = self.manifest["measured"], self.measured.to_dict()
        found = [f"{key} is {now[key]}, not {said[key]}" for key in now if now[key] != said[key]]
        parts = self.manifest["bytes"]
        return found + [
            f"{key} take {self.memory.get(key)} bytes, not {parts[key]}"
            for key in parts
            if parts[key] != self.memory.get(key)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The shape of ``dse verify --json``."""
        about = {key: self.manifest[key] for key in ("format", "study", "trial", "dataset", "time_steps")}
        return {
            **about,
            "split": SPLIT,
            **self.measured.to_dict(),
            "bytes": dict(self.memory),
            "cost_model_bytes": self.manifest["cost_model_bytes"],
            "as_exported": not self.differences,
            "differences": self.differences,
        }


def _refuse_code(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` for a manifest that names Python code; packed networks name none of their own."""
    for key in ("network", "dataset"):
        name = manifest.get(key)
        if name is not None and (not isinstance(name, str) or is_reference(name)):
            raise InputError(
                f"{folder / MANIFEST} names {name!r} as its {key}, Python code that would be run here; read that code, "
                "and if you trust it, say so with --trust-code"
            )


def verify(
    folder: Path, data_root: str | None, cache_root: str | None = None, *, trust_code: bool = False
) -> Verification:
    """Read an export, run its network over the test split of its data set, and count the bytes of its files.

    A network or data set that the manifest names as Python code of one's own is run only with ``trust_code``: an export
    can come from anyone, and its digests lie in the same manifest. Otherwise :class:`InputError`.
    """
    manifest = read_folder(folder)
    chosen = EXPORT_FORMATS[manifest["format"]]
    check_manifest(folder, manifest)
    try:
        if not trust_code:
            _refuse_code(folder, manifest)
        with one_thread():
            run = chosen.open(folder, manifest)
            samples = load_dataset(
                manifest["dataset"],
                data_root,
                time_steps=manifest["time_steps"],
                cache_root=cache_root,
                **{key: manifest["events"][key] for key in EVENTS},
            ).test
            return Verification(manifest, run(samples), chosen.memory(folder, manifest))
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / MANIFEST} does not fit its files or its data set ({type(error).__name__}: {error}); "
            "export the trial again"
        ) from error
