"""What a tensor of a forward pass was made from: the tag that it carries, and that of an operator's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from dse import trace_operators as operators


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tensor was made from.

    ``data``: from the input; ``spiking``: it holds spikes or sums of spikes; ``static``: the same in every time step;
    ``producer``: the compressible layer it came out of; ``parameters``: names of the parameters it was made from;
    ``channels``: the compressible layer whose output channels it holds, each in an equal share of it.
    """

    data: bool = False
    spiking: bool = False
    static: bool = False
    producer: str | None = None
    parameters: tuple[str, ...] = ()
    channels: str | None = None


_NEUTRAL = Tag()


def tag_of(tensor: Tensor) -> Tag:
    """What is known about a tensor."""
    return getattr(tensor, "_workload_tag", _NEUTRAL)


def set_tag(tensor: Tensor, tag: Tag) -> None:
    """Remember what is known about a tensor."""
    tensor._workload_tag = tag  # type: ignore[attr-defined]


def combined(function: Any, name: str, tensors: list[Tensor], args: tuple[Any, ...], output: Any) -> Tag:
    """The tag of an operator's result, from those of its operands."""
    tags = [tag for tag in map(tag_of, tensors) if tag is not _NEUTRAL]
    data = [tag for tag in tags if tag.data]
    if name in operators.SHAPE_ONLY:
        return _NEUTRAL
    if not data:
        return Tag(parameters=tuple(dict.fromkeys(name for tag in tags for name in tag.parameters)))
    return Tag(
        data=True,
        spiking=operators.keeps_spikes(function, name) and all(tag.spiking for tag in data),
        static=all(tag.static for tag in data),
        producer=next((tag.producer for tag in data if tag.producer), None),
        channels=_channels(function, name, tensors, args, output),
    )


def _channels(function: Any, name: str, tensors: list[Tensor], args: tuple[Any, ...], output: Any) -> str | None:
    """Whose output channels the result still holds, each in an equal share: those of all operands, or nobody's."""
    sources = {tag_of(tensor).channels for tensor in tensors if tag_of(tensor).data}
    first = next((leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)), None)
    if len(sources) != 1 or first is None or not operators.keeps_channels(function, name, args, first):
        return None
    return next(iter(sources))
