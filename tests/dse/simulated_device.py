"""A second device without a second device: its tensors are there and compute, but do not mix with those of the CPU.

PyTorch's device "meta" lends the name, as it needs no driver; behind each of its tensors stands one on the CPU that
does the work, so that what runs on it gives the CPU's own numbers. An operation that mixes both devices raises, as it
would on a GPU, and so does whoever takes the memory of such a tensor for the CPU's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
#: What may take tensors of both: copies, and an index that PyTorch moves itself.
_CROSSING = {"aten::copy_", "aten::_to_copy", "aten::index.Tensor", "aten::index_put_", "aten::_index_put_impl_"}


class MixedDevicesError(RuntimeError):
    """An operation got tensors of both devices."""


class OnDevice(Tensor):
    """A tensor on the simulated device; ``value`` is the one behind it."""

    value: Tensor
    is_meta = False  # type: ignore[assignment]  # of a tensor without numbers

    @staticmethod
    def __new__(cls, value: Tensor) -> OnDevice:
        made: OnDevice = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            value.shape,
            strides=value.stride(),
            storage_offset=value.storage_offset(),
            dtype=value.dtype,
            device=DEVICE,
            requires_grad=value.requires_grad,
        )
        made.value = value.detach()
        return made

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["value"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], meta: None, size: Any, stride: Any) -> OnDevice:
        return OnDevice(inner["value"])

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"OnDevice({self.value!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class SimulatedDevice(TorchDispatchMode):
    """Inside the ``with`` block tensors can be made on and moved to :data:`DEVICE`; counts its operations."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self._from_numbers = _FromNumbers()

    def __enter__(self) -> SimulatedDevice:
        self._from_numbers.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._from_numbers.__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        flat, _ = tree_flatten((args, kwargs or {}))
        self.operations += any(isinstance(entry, OnDevice) for entry in flat)
        return _run(func, args, kwargs or {})


class _FromNumbers(TorchFunctionMode):
    """Makes tensors of numbers on the CPU and moves them, as PyTorch itself would drop the numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and kwargs.get("device") is not None:
            return func(*args, **{**kwargs, "device": "cpu"}).to(kwargs["device"])
        if func is Tensor.new_tensor:
            owner, numbers = args
            return torch.tensor(numbers, dtype=kwargs.get("dtype", owner.dtype)).to(kwargs.get("device", owner.device))
        return func(*args, **kwargs)


def _run(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    tensors = [entry for entry in tree_flatten((args, kwargs))[0] if isinstance(entry, Tensor)]
    there = any(isinstance(tensor, OnDevice) for tensor in tensors)
    # PyTorch lets a CPU tensor without dimensions take part as a number.
    strays = [tensor for tensor in tensors if not isinstance(tensor, OnDevice) and tensor.ndim]
    if there and strays and func._schema.name not in _CROSSING and str(func) not in _CROSSING:
        raise MixedDevicesError(
            f"{func} got tensors of both devices: {[tuple(one.shape) for one in strays]} of the CPU"
        )
    target = kwargs.get("device")
    if target is not None:
        there = torch.device(target).type == DEVICE.type
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = func(*tree_map(_behind, args), **tree_map(_behind, kwargs))
    if target is not None:
        return tree_map(_in_front, result) if there else result
    return return_and_correct_aliasing(func, args, kwargs, tree_map(_in_front, result)) if there else result


def _behind(entry: Any) -> Any:
    return entry.value if isinstance(entry, OnDevice) else entry


def _in_front(entry: Any) -> Any:
    return OnDevice(entry) if isinstance(entry, Tensor) and not isinstance(entry, OnDevice) else entry
