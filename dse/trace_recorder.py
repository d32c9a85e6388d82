"""Books every operator of a forward pass on a layer.

A dispatch mode sees the operators below the Python level, so functional calls, residual sums and attention count like
modules. Each tensor carries a tag that says what it was made from (:mod:`dse.trace_tags`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cost_models import Layer
from dse import trace_operators as operators
from dse.trace_neurons import emits_spikes, is_spiking_neuron
from dse.trace_record import LayerRecord
from dse.trace_tags import Tag, combined, set_tag, tag_of


@dataclass(slots=True)
class _Call:
    """One call of a module that is under way; counts its operators so that each call names them alike.

    In a ``closed`` one (a neuron, a recurrent cell) what is not a product with weights belongs to the module;
    ``weighted`` tells whether there was such a product.
    """

    path: str
    leaf: bool
    closed: bool
    weighted: bool = False
    seen: dict[str, int] = field(default_factory=dict)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator of one forward pass and books it on a layer."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here; PyTorch would load its compiler (seconds) only to keep it away from this class.
        return False

    def __init__(self, network: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.records: dict[tuple[str, ...], LayerRecord] = {}
        self.names: dict[str, LayerRecord] = {}
        self.unpriced: dict[str, None] = {}
        self.parameters = dict(network.named_parameters())
        self.owners: dict[str, list[str]] = {}
        first_names = {id(parameter): path for path, parameter in self.parameters.items()}
        for path, parameter in network.named_parameters(remove_duplicate=False):
            self.owners.setdefault(first_names[id(parameter)], []).append(path)
        self.claimed: dict[str, int] = {}
        self.calls: list[_Call] = [_Call("", leaf=not list(network.children()), closed=False)]

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        name = operators.operator_name(function)
        tag = self._book(function, name, args, tensors, output)
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                set_tag(leaf, tag)
        return output

    def _book(self, function: Any, name: str, args: tuple[Any, ...], tensors: list[Tensor], output: Any) -> Tag:
        tag = combined(function, name, tensors, args, output)
        if name in operators.CONVOLUTIONS:
            return self._convolution(args, output, tag)
        if name in operators.PRODUCTS:
            left, right = (args[index] for index in operators.PRODUCTS[name])
            return self._product(left, right, output, tag)
        if "scaled_dot_product" in name or "_attention_forward" in name:
            macs = operators.attention_macs(args)
            if macs is not None:
                return self._activation_product("attention", macs, args[0], tree_leaves(output)[0], tag)
        if name in operators.EMBEDDINGS:
            return self._embedding(args[0], args[1], output, tag)
        if self.calls[-1].closed or not tag.data:
            return tag
        if name in operators.NORMS:
            self._plain("norm", "norm", tensors[0], tree_leaves(output)[0], tag)
        elif operators.is_pool(name):
            self._plain("pool", "pool", tensors[0], tree_leaves(output)[0], tag)
        elif name in operators.ADDITIONS:
            if len(tensors) == 2 and all(tag_of(t).data for t in tensors) and tensors[0].shape == tensors[1].shape:
                self._plain("add", "add", tensors[0], output, tag)
        elif not operators.is_free(function, name):
            self.unpriced[f"{self.calls[-1].path or 'network'}: {name}"] = None
        return tag

    def _convolution(self, args: tuple[Any, ...], output: Tensor, tag: Tag) -> Tag:
        source, weight, transposed, groups = args[0], args[1], bool(args[6]), int(args[8])
        if tag_of(source).parameters:  # made from parameters alone: computed once, not for each input
            return tag
        kind = "conv_transpose" if transposed else "conv"
        positions = operators.convolution_positions(source, output, transposed=transposed)
        return self._weighted(kind, weight, weight.numel() * positions, source, output, tag, groups)

    def _product(self, left: Tensor, right: Tensor, output: Tensor, tag: Tag) -> Tag:
        tags = tag_of(left), tag_of(right)
        macs = operators.product_macs(left, right)
        if tags[1].parameters and not tags[0].parameters:
            return self._weighted("linear", right, macs, left, output, tag)
        if tags[0].parameters and not tags[1].parameters:
            return self._weighted("linear", left, macs, right, output, tag)
        return self._activation_product("matmul", macs, left, output, tag)

    def _weighted(
        self, kind: str, weight: Tensor, macs: int, source: Tensor, output: Tensor, tag: Tag, groups: int = 1
    ) -> Tag:
        path, shape = self._identify(weight)
        key: tuple[str, ...] = ("weight", path)
        part = path in self.parameters and shape != tuple(self.parameters[path].shape)
        if part and self.claimed.get(path, 0) + math.prod(shape) > self.parameters[path].numel():
            if key in self.records:  # used as a whole before: its weights are counted there
                return self._activation_product("matmul", macs, source, output, replace(tag, data=True))
        elif part:
            key = (*key, str(weight.storage_offset()), str(shape))
        record = self.records.get(key) or self._new(key, self._weight_name(path, kind, part), kind)
        if record.weight_shape == ():
            record.weight_shape = shape
            record.input_shape, record.output_shape, record.groups = _sample(source), _sample(output), groups
            if path in self.parameters:
                self.claimed[path] = self.claimed.get(path, 0) + math.prod(shape)
        record.macs += macs
        record.calls += 1
        for call in self.calls:
            call.weighted = True
        source_tag = tag_of(source)
        record.sources.add(source_tag.channels)
        if source_tag.data:  # the empty state of a recurrent layer before its first step says nothing
            record.spiking &= source_tag.spiking
            record.static &= source_tag.static
        return Tag(data=True, static=tag.static, producer=record.name, channels=record.name)

    def _identify(self, weight: Tensor) -> tuple[str, tuple[int, ...]]:
        """The parameter behind a weight operand, or the module that made it, and the weight's shape."""
        names = tag_of(weight).parameters
        elements = sum_distinct(weight)
        for name in names:
            if name in self.parameters and self.parameters[name].numel() == elements:
                return name, tuple(self.parameters[name].shape)
        for name in names:
            if name in self.parameters and self.parameters[name].numel() > elements:
                return name, tuple(reversed(weight.shape)) if weight.ndim == 2 else tuple(weight.shape)
        return self.calls[-1].path, tuple(reversed(weight.shape)) if weight.ndim == 2 else tuple(weight.shape)

    def _weight_name(self, path: str, kind: str, part: bool) -> str:
        if path not in self.parameters:
            return path or kind
        places = [owner_and_attribute(place) for place in self.owners[path]]
        here = [place for place in places if place[0] == self.calls[-1].path]
        owner, attribute = (here or places)[0]
        name = owner if attribute == "weight" and owner else ".".join(filter(None, (owner, attribute)))
        if not part:
            return name
        number = sum(record.name.startswith(f"{name}[") for record in self.records.values())
        return f"{name}[{number}]"

    def _activation_product(self, word: str, macs: int, source: Tensor, output: Tensor, tag: Tag) -> Tag:
        if not tag.data:  # made from parameters alone: computed once, not for each input
            return tag
        record = self._plain("product", word, source, output, tag)
        record.macs += macs
        return replace(tag, spiking=False, producer=None, channels=None)

    def _embedding(self, weight: Tensor, indices: Tensor, output: Tensor, tag: Tag) -> Tag:
        path, shape = self._identify(weight)
        key = ("embedding", path)
        record = self.records.get(key) or self._new(key, self._weight_name(path, "embedding", False), "embedding")
        record.weight_shape = shape
        record.lookups += indices.numel()
        record.calls += 1
        record.input_shape, record.output_shape = _sample(indices), _sample(output)
        record.spiking = False
        return Tag(data=True, static=tag_of(indices).static)

    def _plain(self, kind: str, word: str, source: Tensor, output: Tensor, tag: Tag) -> LayerRecord:
        """Book an operator without weights on its own layer, the same one in each call of its module."""
        call = self.calls[-1]
        number = call.seen[word] = call.seen.get(word, 0) + 1
        key = ("plain", call.path, word, str(number))
        record = self.records.get(key)
        if record is None:
            alone = call.leaf and call.path and number == 1 and call.path not in self.names
            suffix = word if number == 1 else f"{word}_{number}"
            record = self._new(key, call.path if alone else ".".join(filter(None, (call.path, suffix))), kind)
            record.input_shape, record.output_shape = _sample(source), _sample(output)
        record.calls += 1
        record.sources.add(tag.channels)
        record.spiking &= tag.spiking if kind != "product" else tag_of(source).spiking
        record.static &= tag.static
        return record

    def _new(self, key: tuple[str, ...], name: str, kind: str) -> LayerRecord:
        unique, number = name, 1
        while unique in self.names:
            number += 1
            unique = f"{name}_{number}"
        record = self.records[key] = self.names[unique] = LayerRecord(unique, kind)
        return record

    def enter(self, path: str, module: nn.Module) -> None:
        """A module's forward begins."""
        closed = self.calls[-1].closed or is_spiking_neuron(module) or isinstance(module, nn.RNNBase)
        self.calls.append(_Call(path, leaf=not list(module.children()), closed=closed))

    def leave(self, path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """A module's forward ends; a spiking neuron is booked on the layer that feeds it."""
        call = self.calls.pop()
        if not is_spiking_neuron(module):
            return
        current = next((leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)), None)
        outputs = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        if current is None or not outputs:
            return
        producer = self.names.get(tag_of(current).producer or "")
        if producer is None or producer.neuron not in (None, path):
            key = ("neuron", path)
            producer = self.records.get(key) or self._new(key, path, "neuron")
            producer.input_shape = producer.output_shape = _sample(current)
            producer.spiking = producer.static = False
        # A pool behind the neuron makes its output the smaller one, a recurrent cell may have more neurons than inputs.
        producer.neurons += max(current.numel(), outputs[0].numel())
        producer.neuron = path
        producer.neuron_calls += 1
        channels = None if call.weighted else tag_of(current).channels
        producer.sources |= {channels} if producer.kind == "neuron" else set()
        producer.neurons_per_channel &= channels == producer.name
        set_tag(outputs[0], Tag(data=True, spiking=emits_spikes(module), channels=channels))
        for state in outputs[1:]:
            set_tag(state, Tag(data=True))

    def layers(self, steps: int) -> tuple[Layer, ...]:
        """All layers for one of ``steps`` time steps, with every parameter of the network on one of them."""
        for record in self.records.values():
            record.divide(steps)
        for key, record in self.records.items():
            if key[0] == "embedding" and key[1] in self.parameters:
                if key[1] in self.claimed:  # tied with a layer that computes: the weights are counted there
                    record.weight_shape = ()
                else:
                    self.claimed[key[1]] = self.parameters[key[1]].numel()
        for path, parameter in self.parameters.items():
            rest = parameter.numel() - self.claimed.get(path, 0)
            if rest <= 0:
                continue
            owner, attribute = owner_and_attribute(path)
            home = self.names.get(owner)
            if home is None:
                home = self._new(("parameter", owner or attribute), owner or attribute, "parameter")
                home.spiking = home.static = False
            home.other_parameters += rest
        return tuple(record.layer() for record in self.records.values())


def owner_and_attribute(path: str) -> tuple[str, str]:
    """The module and the attribute that a parameter's path stands for, parametrizations looked through.

    >>> owner_and_attribute("conv1.parametrizations.weight.original"), owner_and_attribute("conv1.bias")
    (('conv1', 'weight'), ('conv1', 'bias'))
    """
    owner, parametrized, rest = path.partition("parametrizations.")
    if parametrized:
        return owner.rstrip("."), rest.partition(".")[0]
    owner, _, attribute = path.rpartition(".")
    return owner, attribute


def sum_distinct(tensor: Tensor) -> int:
    """Elements of a tensor, those that an expanded view repeats counted once."""
    return math.prod(size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride or size == 1)


def _sample(tensor: Tensor) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
