"""A sampler for studies in which the costs are known before training: only accuracy is learned.

``sampler`` is its face towards Optuna; ``axes`` and ``problem`` are what is known, ``history`` and ``readings`` what
was measured, ``mean``, ``fit``, ``posterior`` and ``accuracy_model`` what is believed, ``start``, ``pool``,
``acquisition`` and ``proposal`` what is asked next.
"""

from dse.search.known_cost.sampler import KnownCostSampler

__all__ = ["KnownCostSampler"]
