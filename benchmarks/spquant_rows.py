"""What the table of docs/results/spquant.md compares: one Row a network, on one split of one data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One way to compress the network.

    ``ends`` are the weight bits of its first and last layer, ``conv2`` those of the second where they are not
    ``weights``; ``channels`` are those that stay of 16, 32 and 128; ``rate`` is Adam's first one in the further epochs.
    """

    name: str
    weights: float = 32
    ends: float = 32
    membrane: float = 32
    conv2: float | None = None
    channels: tuple[int, ...] = ()
    membrane_mask: str = "none"
    membrane_quantizer: str = "stacked"
    weight_quantizer: str = "uniform"
    surrogate: str = "triangle"
    learn_threshold: bool = False
    rate: float = 6e-3
    peer: str = ""

    @property
    def bits(self) -> dict[str, float]:
        """Weight bits by layer."""
        return {"conv1": self.ends, "conv2": self.conv2 or self.weights, "fc1": self.weights, "fc2": self.ends}

    @property
    def kept(self) -> dict[str, int]:
        """Channels that stay, by layer; nothing for a row that removes none."""
        return dict(zip(("conv1", "conv2", "fc1"), self.channels, strict=False))


def pruned(channels: tuple[int, ...], membrane_mask: str = "none", rate: float = 6e-3) -> tuple[Row, Row]:
    """Both rows with these channels: weights as in W2_ENDS, and (at ``rate``) the second convolution in 8 bits too.

    What is left of that convolution is at most two percent of the weights; fc1 holds nearly all.
    """
    mask = "" if membrane_mask == "none" else f", {membrane_mask}"
    left = f"channels {'/'.join(map(str, channels))}{mask}"
    return (
        Row(f"W2/U1.58, ends W8, {left}", 2, 8, 1.58, None, channels, membrane_mask),
        Row(f"fc1 W2, rest W8, U1.58, {left}", 2, 8, 1.58, 8, channels, membrane_mask, rate=rate),
    )


FLOAT = Row("float", rate=3e-3)
W2_ENDS = Row("W2/U1.58, ends W8", 2, 8, 1.58)
UNPRUNED = (FLOAT, Row("W4/U1.58", 4, 4, 1.58), Row("W2/U1.58", 2, 2, 1.58), W2_ENDS)
STILL = (*UNPRUNED, *pruned((8, 13, 96), "hold", 1e-2))
#: On MNIST fewer potentials are negative, so the same channels leave 4.9x fewer operations; one less in conv1 gives 5x.
DIGITS = (*STILL, *pruned((7, 13, 96), "hold", 1e-2))
MAIN = {"fashion_mnist": STILL, "n_mnist": (*UNPRUNED, *pruned((6, 12, 64))), "mnist": DIGITS}
#: Fashion-MNIST, seed 0: what was measured on the test part before MAIN was settled; the page shows it.
DROPPED = (
    Row("W2/U1.58, ends W8, from 1e-2", 2, 8, 1.58, rate=1e-2),
    Row("W2/U1.58, ends W8, channels 8/13/80, hold, from 1e-2", 2, 8, 1.58, None, (8, 13, 80), "hold", rate=1e-2),
    *pruned((8, 13, 80), "hold"),
)
PEERS = (
    Row("snnTorch state_quant, 2 bit", 2, 8, 1.58, peer="snntorch"),
    Row("MINT with trained scale", 2, 8, 1.58, weight_quantizer="mint", peer="mint"),
    Row("mint + shared_scale", 2, 8, 1.58, weight_quantizer="mint", membrane_quantizer="shared_scale"),
)
ABLATIONS = (
    *(Row(f"W2/U{bits}, ends W8", 2, 8, bits) for bits in (32, 8, 4, 3, 2)),
    Row("straight_through, U1.58", 2, 8, 1.58, membrane_quantizer="straight_through"),
    Row("learned threshold, U1.58", 2, 8, 1.58, learn_threshold=True),
    Row("threshold_centred, U3", 2, 8, 3, membrane_quantizer="threshold_centred"),
    Row("straight_through, U8", 2, 8, 8, membrane_quantizer="straight_through"),
    Row("skip, no channels removed", 2, 8, 1.58, membrane_mask="skip"),
    Row("hold, no channels removed", 2, 8, 1.58, membrane_mask="hold"),
)
