"""The plain neuron, compiled by torch: all time steps of a layer in one pass over memory, on any device.

Each set of rules and each number of steps is compiled when it is first met, in seconds; numbers of neurons and samples
are not. So it is asked for by name (``engine = "compiled"``) and pays in long trainings on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from cost_models import InputError
from dse.neurons.dynamics import LIFDynamics
from dse.neurons.dynamics import lif_over_time as plain_lif_over_time

#: Sets of rules and numbers of steps for which compiled code is kept.
MOST_KEPT = 256
BACKEND = "inductor"


@lru_cache(maxsize=1)
def _compiled() -> Callable[[Tensor, int, bool, LIFDynamics], Tensor]:
    return torch.compile(_over_time, backend=BACKEND, fullgraph=True)


def _over_time(current: Tensor, steps: int, static: bool, dynamics: LIFDynamics) -> Tensor:
    return plain_lif_over_time(current, steps, static, dynamics)


def obstacle(current: Tensor, dynamics: LIFDynamics, learns: bool) -> str:
    """Why this is not compiled, as the end of a sentence; empty where it is."""
    if current.is_meta or torch._C._len_torch_dispatch_stack():
        return "the tensor is traced"
    return "its rules change in every step of the training" if learns or dynamics.membrane_unit is not None else ""


def lif_over_time(current: Tensor, steps: int, static: bool, dynamics: LIFDynamics) -> Tensor:
    """What :func:`dse.neurons.dynamics.lif_over_time` gives, up to the rounding of fused operations.

    Raises :class:`InputError` where torch finds no compiler for the device.
    """
    import torch._dynamo as dynamo  # loads for seconds

    flat = current.reshape(1 if static else steps, -1)
    dynamo.maybe_mark_dynamic(flat, 1)
    try:
        # The rules and the number of steps are constants of the code, the number of neurons is not.
        with dynamo.config.patch(
            specialize_float=True,
            automatic_dynamic_shapes=False,
            recompile_limit=MOST_KEPT,
            accumulated_recompile_limit=MOST_KEPT,
        ):
            spikes = _compiled()(flat, steps, static, dynamics)
    except dynamo.exc.TorchDynamoException as error:
        said = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise InputError(
            f"the neuron's engine is 'compiled', but torch cannot compile it for {current.device.type}; use 'auto' "
            f"({said})"
        ) from error
    return spikes.reshape(steps * current.shape[0] if static else current.shape[0], *current.shape[1:])
