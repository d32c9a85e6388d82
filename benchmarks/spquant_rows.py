"""What the table of docs/results/spquant.md compares: one Row a network, on one split of one data set."""

from __future__ import annotations

from dataclasses import dataclass

#: The same channels on every set: 8 of 16, 13 of 32 and 64 of 128 stay.
STATIC_RATIOS = {"conv1": 0.5, "conv2": 0.59375, "fc1": 0.5}


@dataclass(frozen=True, slots=True)
class Row:
    """One way to compress the network; ``ends`` are the weight bits of its first and last layer."""

    name: str
    weights: float = 32
    ends: float = 32
    membrane: float = 32
    pruned: bool = False
    membrane_mask: str = "none"
    membrane_quantizer: str = "stacked"
    weight_quantizer: str = "uniform"
    surrogate: str = "triangle"
    learn_threshold: bool = False
    peer: str = ""

    @property
    def bits(self) -> dict[str, float]:
        """Weight bits by layer."""
        return {"conv1": self.ends, "conv2": self.weights, "fc1": self.weights, "fc2": self.ends}


FLOAT = Row("float")
W2_ENDS = Row("W2/U1.58, ends W8", 2, 8, 1.58)
MAIN = (
    FLOAT,
    Row("W4/U1.58", 4, 4, 1.58),
    Row("W2/U1.58", 2, 2, 1.58),
    W2_ENDS,
    Row("W2/U1.58, ends W8, channels 8/13/64", 2, 8, 1.58, pruned=True),
    Row("W2/U1.58, ends W8, channels 8/13/64, hold", 2, 8, 1.58, pruned=True, membrane_mask="hold"),
    Row("W2/U1.58, ends W8, channels 8/13/64, skip", 2, 8, 1.58, pruned=True, membrane_mask="skip"),
)
PEERS = (
    Row("snnTorch state_quant, 2 bit", 2, 8, 1.58, peer="snntorch"),
    Row("MINT with trained scale", 2, 8, 1.58, weight_quantizer="mint", peer="mint"),
    Row("mint + shared_scale", 2, 8, 1.58, weight_quantizer="mint", membrane_quantizer="shared_scale"),
)
ABLATIONS = (
    Row("straight_through, U1.58", 2, 8, 1.58, membrane_quantizer="straight_through"),
    Row("learned threshold", 2, 8, 1.58, learn_threshold=True),
    *(Row(f"W2/U{bits}, ends W8", 2, 8, bits) for bits in (8, 32, 4, 3, 2)),
    Row("W32/U1.58", 32, 32, 1.58),
    Row("straight_through, U8", 2, 8, 8, membrane_quantizer="straight_through"),
    Row("threshold_centred, U3", 2, 8, 3, membrane_quantizer="threshold_centred"),
    Row("spike surrogate atan", 2, 8, 1.58, surrogate="atan"),
    Row("skip, no channels removed", 2, 8, 1.58, pruned=False, membrane_mask="skip"),
    Row("hold, no channels removed", 2, 8, 1.58, pruned=False, membrane_mask="hold"),
    *(Row(f"weights {name}", 2, 8, 1.58, weight_quantizer=name) for name in ("ternary_mean", "sawb", "power_of_two")),
)
