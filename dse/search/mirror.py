"""A copy of the trials in Optuna's own tables of the same database, for Optuna's dashboard; it is never read back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna

from dse.search.proposer import as_optuna_trial, directions_of, quiet_optuna
from dse.search.suggest import SearchSpace
from studies import Evaluation, Study

#: Marks an Optuna study as ours, so that a user's own study of the same name is never touched.
_MARK = "spikefront"


class Mirror:
    """Writes trials to Optuna's tables in the order of their numbers; any failure is a warning and ends the copy.

    The first update compares the copy with our trials: missing ones are added; a copy that holds others is rewritten.
    """

    def __init__(self, url: str, study: Study, space: SearchSpace) -> None:
        self._url = url
        self._study = study
        self._space = space
        self._copy: optuna.Study | None = None
        self._written = 0
        self._ended = False

    def update(self, trials: Sequence[Evaluation]) -> None:
        """Add the trials that the copy lacks; ``trials`` are all so far, none of them running."""
        if self._ended or (self._copy is not None and len(trials) <= self._written):
            return
        try:
            with quiet_optuna():
                if self._copy is None:
                    self._copy = self._open(trials)
                for evaluation in trials[self._written :]:
                    self._copy.add_trial(as_optuna_trial(evaluation, self._study, self._space))
                    self._written += 1
        except Exception as error:  # the copy is a convenience: nothing that happens to it may end a study
            self._ended = True
            message = f"the copy for Optuna's dashboard is not kept up to date: {type(error).__name__}: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    def _open(self, trials: Sequence[Evaluation]) -> optuna.Study:
        storage = optuna.storages.RDBStorage(self._url)
        names = {summary.study_name for summary in optuna.get_all_study_summaries(storage)}
        if self._study.name in names:
            copy = optuna.load_study(study_name=self._study.name, storage=storage)
            if copy.user_attrs.get(_MARK) is None:
                raise RuntimeError(f"the database holds another Optuna study named {self._study.name!r}")
            written = copy.get_trials(deepcopy=False)
            if self._is_copy_of(written, trials):
                self._written = len(written)
                return copy
            optuna.delete_study(study_name=self._study.name, storage=storage)
        copy = optuna.create_study(study_name=self._study.name, storage=storage, directions=directions_of(self._study))
        copy.set_user_attr(_MARK, True)
        copy.set_metric_names(list(self._study.objectives.names))
        return copy

    def _is_copy_of(self, written: Sequence[optuna.trial.FrozenTrial], trials: Sequence[Evaluation]) -> bool:
        if len(written) > len(trials):
            return False
        expected = (as_optuna_trial(evaluation, self._study, self._space) for evaluation in trials[: len(written)])
        return all(
            (ours.params, ours.values, ours.state) == (theirs.params, theirs.values, theirs.state)
            for ours, theirs in zip(expected, written, strict=True)
        )
