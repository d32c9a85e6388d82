"""Everything that can be wrong with a study is found here, before anything is trained or stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cost_models import HardwareProfile, Workload, load_hardware
from dse.methods import granularity_of
from dse.search.limits import CostGate, quiet
from dse.search.reachable import check_reachable, check_something_pays
from dse.search.samplers import SAMPLERS
from dse.search.suggest import SearchSpace
from studies import Study

TraceStudy = Callable[[Study, str | None], Workload]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked study: its untrained network's workload, its parameters and its hardware."""

    study: Study
    workload: Workload
    space: SearchSpace
    hardware: HardwareProfile

    def gate(self, workload: Workload) -> CostGate:
        """The judge of the study's limits under the activity of ``workload``."""
        skips = self.study.below_break_even == "skip"
        return CostGate(self.space, workload, self.hardware, self.study.cost_limits, skips)


def prepare(study: Study, trace_study: TraceStudy, data_root: str | None = None) -> Prepared:
    """Check a study against its network and its hardware; raise :class:`InputError` for the first thing that is wrong.

    A limit that no configuration of the space can keep, whatever its activity, is explained: the smallest reachable
    value and the layers that bind.
    """
    SAMPLERS[study.search.sampler](study, study.seed, None)
    hardware = load_hardware(study.hardware)
    workload = trace_study(study, data_root)
    study.check_against(workload)
    restores_on = hardware if study.below_break_even == "restore" else None
    space = SearchSpace.of(study.space, workload, partial(granularity_of, study), restores_on)
    prepared = Prepared(study, workload, space, hardware)
    gate = prepared.gate(quiet(workload))
    check_something_pays(gate)
    check_reachable(gate, "constraints")
    return prepared
