"""Pruning methods, and the table of those that can be named."""

from cost_models import Registry
from dse.pruning.admm import ADMMPruning
from dse.pruning.autoprune import AutoPrune
from dse.pruning.magnitude import MagnitudePruning
from dse.pruning.masks import LayerMasks, WeightMask
from dse.pruning.method import LayerWeight, Progress, PruningMethod
from dse.pruning.slr import SLRPruning
from dse.pruning.spatial_channel import SpatialChannelPruning
from dse.pruning.undecayed import UndecayedPruning
from dse.pruning.unpruned import NoPruning

PRUNING_METHODS: Registry[type[PruningMethod]] = Registry(
    "pruning method",
    {
        "magnitude": MagnitudePruning,
        "admm": ADMMPruning,
        "slr": SLRPruning,
        "autoprune": AutoPrune,
        "undecayed": UndecayedPruning,
        "spatial_channel": SpatialChannelPruning,
        "none": NoPruning,
    },
)

__all__ = [
    "PRUNING_METHODS",
    "ADMMPruning",
    "AutoPrune",
    "LayerMasks",
    "LayerWeight",
    "MagnitudePruning",
    "NoPruning",
    "Progress",
    "PruningMethod",
    "SLRPruning",
    "SpatialChannelPruning",
    "UndecayedPruning",
    "WeightMask",
]
