"""Early stopping against an attained front: a training ends once it has too small a chance to join the front.

Costs are known before a training, accuracy is not. A front member that costs no more than the new trial sets the
accuracy that the trial must exceed; where it will end is forecast at the end of each epoch (see
:mod:`dse.curve_forecast`). How small a chance is too small follows from what a stop saves and what it may cost
(:func:`allowed_risk`). Own method. All values are plain, so that a worker gets the whole rule with its job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cost_models import Configuration
from dse.curve_forecast import Forecast
from studies.evaluation import Evaluation, State

#: The risk that a stop takes, over the share of trials on the front; what levels cost is in docs/results.
RISK = 0.05
#: The largest chance to join the front that a stop may ever take.
LARGEST_RISK = 0.05


def allowed_risk(on_front: float, epoch: int, epochs: int, risk: float = RISK) -> float:
    """The chance to join the front at which a training may be stopped after ``epoch`` of ``epochs``.

    It is in proportion to the share of the training that the stop saves, and to ``on_front``, the share of the finished
    trials that are on the front now. The latter makes early and late risks worth the same: what joins the front of k
    trials is still on it after K with about the probability that the share on the front falls by meanwhile, if the
    proposals come in no particular order (and with less if they get better). So of the members of the last front, how
    long the study may ever be, at most the share ``risk`` is lost; far less in truth, since hardly a training that is
    stopped is as undecided as allowed.

    >>> allowed_risk(on_front=0.25, epoch=2, epochs=4), allowed_risk(on_front=1.0, epoch=4, epochs=5)
    (0.00625, 0.01)
    """
    return min(risk * on_front, LARGEST_RISK) * (epochs - epoch) / epochs


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When one training ends early: plain values that travel with its job.

    ``needed`` is the accuracy that trial ``rival``, on the front when this training began, has at no more cost, and
    ``step`` the smallest difference between two readings: to join the front takes at least ``needed`` + ``step``.
    ``forecasts`` holds one forecast for each epoch but the last, none where nothing is known yet.
    """

    needed: float
    rival: int
    epochs: int
    forecasts: tuple[Forecast, ...]
    step: float = 0.0

    def stops(self, curve: Sequence[float]) -> bool:
        """Whether a training with this curve (one accuracy for each epoch so far) is to end now."""
        forecast = self._forecast(curve)
        # Half of a step, since a forecast is continuous and readings are not.
        return forecast is not None and forecast.optimistic(curve) < self.needed + self.step / 2.0

    def stopped(
        self, trial: int | None, seed: int, asked: Configuration, curve: Sequence[float], seconds: float
    ) -> Evaluation:
        """The trial of a training that was ended with this curve."""
        forecast = self._forecast(curve)
        assert forecast is not None
        reason = (
            f"stopped after epoch {len(curve)} of {self.epochs}: from {curve[-1]:.1%} it would hardly get above "
            f"{forecast.optimistic(curve):.1%}, and trial {self.rival} has {self.needed:.1%} at no more cost"
        )
        return Evaluation(
            trial,
            seed,
            State.STOPPED,
            asked,
            reason=reason,
            seconds=seconds,
            curve=tuple(curve),
            expected_accuracy=forecast.mean(curve),
        )

    def _forecast(self, curve: Sequence[float]) -> Forecast | None:
        return self.forecasts[len(curve) - 1] if self.forecasts and 0 < len(curve) < self.epochs else None
