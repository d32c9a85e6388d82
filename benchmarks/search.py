"""Searches with known costs against Optuna's samplers: hypervolume against the number of trainings.

Run: ``python benchmarks/search.py`` does what is not in the results yet and then writes ``docs/results/search.md``; it
may be stopped at any time. ``--problems``, ``--samplers``, ``--seeds`` and ``--minutes`` choose a part; ``--ask-times``
measures the seconds of a proposal against layers and trials; ``--report`` only writes. qLogNEHVI needs ``pip install
optuna-integration botorch``; it is left out where they are absent.

Each sampler is run as Optuna offers it, with the excess over the limit set as a constraint (a configuration over the
limit then costs a training), and behind a plain gate: proposals over the limit or tried before are told as pruned and
cost no training. The known-cost sampler is run without a gate.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import search_ask_times
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from search_plan import MARKS, OURS, PROBED, RESULTS, SLOW, STOCK, Run, length_of, load, plan
from search_problems import Choices, SearchProblem, Training, hypervolume, problems
from search_report import write

DIRECTIONS = ["maximize", "minimize", "minimize"]
#: Refused proposals in a row after which a random configuration that fits is taken, as the tool's own loop does.
MOST_REFUSALS = 25


def make(sampler: str, seed: int) -> BaseSampler:
    if sampler == "qlognehvi":
        from optuna_integration.botorch import BoTorchSampler

        return BoTorchSampler(candidates_func=_qlognehvi, n_startup_trials=20, seed=seed)
    made: Mapping[str, Any] = {
        "random": lambda: RandomSampler(seed=seed),
        "nsga2": lambda: NSGAIISampler(population_size=20, seed=seed),
        "tpe": lambda: TPESampler(seed=seed),
        "tpe_multivariate": lambda: TPESampler(multivariate=True, seed=seed),
        "gp": lambda: GPSampler(seed=seed),
    }
    result: BaseSampler = made[sampler]()
    return result


def search(
    problem: SearchProblem, sampler: str, gated: bool, seed: int, trainings: int, seconds: float = math.inf
) -> Run:
    """One search until the number of trainings is reached, or the processor time is over."""
    ours = sampler in (OURS, PROBED)
    study = optuna.create_study(directions=DIRECTIONS, sampler=None if ours else make(sampler, seed))
    generator = np.random.default_rng([seed, 1])
    done: list[tuple[Choices, Training]] = []
    seen: set[tuple[Any, ...]] = set()
    run = Run(problem.name, sampler, gated, seed, [], 0, 0, 0, {})
    points: list[tuple[float, float, float]] = []
    read: list[tuple[float, float, float]] = []
    spent: list[float] = []
    refusals = 0
    until = time.process_time() + seconds
    while len(done) < trainings and time.process_time() < until:
        if ours:
            study.sampler = problem.known_cost(seed, done, sampler == PROBED)
        if refusals >= MOST_REFUSALS:
            study.enqueue_trial(_random(problem, seen, generator))
        started = time.perf_counter()
        trial = study.ask(problem.space)
        spent.append(time.perf_counter() - started)
        excess, key = problem.excess(trial.params), tuple(trial.params[name] for name in problem.space)
        trial.set_constraint("limit", excess)
        if gated and (excess > 0 or key in seen):
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            run.refused += 1
            refusals += 1
            continue
        refusals = 0
        run.infeasible += excess > 0
        run.repeated += key in seen
        seen.add(key)
        found = problem.train(trial.params, generator)
        study.tell(trial, list(found.told))
        done.append((trial.params, found))
        if excess <= 0:
            points.append((-found.accuracy, *found.costs))
            read.append((-found.reading, *found.costs))
        if len(done) in MARKS:
            run.hypervolume.append(round(hypervolume(points), 5))
            if problem.trained:
                run.by_readings.append(round(hypervolume(read), 5))
        if len(done) in (30, 50, 80):
            run.ask_seconds[len(done)] = round(statistics.median(spent[-10:]), 4)
    run.ask_seconds[len(done)] = round(statistics.median(spent[-10:]), 4)
    return run


def _random(problem: SearchProblem, seen: set[tuple[Any, ...]], generator: np.random.Generator) -> Choices:
    """A random configuration that fits and is new, by trial and error."""
    study = optuna.create_study(sampler=RandomSampler(seed=int(generator.integers(2**31))))
    while True:
        params = study.ask(problem.space).params
        if tuple(params[name] for name in problem.space) not in seen and problem.excess(params) <= 0:
            return params


def _qlognehvi(train_x: Any, train_obj: Any, train_con: Any, bounds: Any, pending_x: Any = None) -> Any:
    """BoTorch's noisy expected hypervolume improvement on independent Gaussian processes, as in its tutorials."""
    import torch
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf
    from botorch.sampling.normal import SobolQMCNormalSampler
    from botorch.utils.transforms import normalize, unnormalize
    from gpytorch.mlls import SumMarginalLogLikelihood

    x = normalize(train_x, bounds=bounds)
    models = [
        SingleTaskGP(x, train_obj[:, index : index + 1], outcome_transform=Standardize(m=1))
        for index in range(train_obj.shape[1])
    ]
    model = ModelListGP(*models)
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    acquisition = qLogNoisyExpectedHypervolumeImprovement(
        model=model,
        ref_point=train_obj.min(dim=0).values.tolist(),
        X_baseline=x,
        sampler=SobolQMCNormalSampler(sample_shape=torch.Size([64])),
        prune_baseline=True,
    )
    unit = torch.zeros_like(bounds)
    unit[1] = 1.0
    candidate, _ = optimize_acqf(acquisition, unit, q=1, num_restarts=4, raw_samples=128, sequential=True)
    return unnormalize(candidate.detach(), bounds=bounds)


def main() -> None:
    every, every_sampler = problems(), [*STOCK, OURS, PROBED, *SLOW]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=list(every), default=list(every))
    parser.add_argument("--samplers", nargs="+", choices=every_sampler, default=every_sampler)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further search after this time")
    parser.add_argument(
        "--slow-seconds", type=float, default=600.0, help="processor time of a search of gp or qlognehvi"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--ask-times", action="store_true", help="measure the seconds of proposals first")
    parser.add_argument("--report", action="store_true", help="only write the report")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.ask_times:
        search_ask_times.measure()
    until = time.monotonic() + 60.0 * options.minutes
    for one in plan(options.problems, options.samplers, range(options.seeds)) if not options.report else ():
        if time.monotonic() > until:
            break
        made = {(run.problem, run.sampler, run.gated, run.seed) for run in load(options.results)}
        absent = one.sampler == "qlognehvi" and not importlib.util.find_spec("botorch")
        if (one.problem, one.sampler, one.gated, one.seed) in made or absent:
            continue
        seconds = options.slow_seconds if one.sampler in SLOW else math.inf
        run = search(every[one.problem], one.sampler, one.gated, one.seed, length_of(one.problem, one.sampler), seconds)
        with options.results.open("a") as file:
            print(json.dumps(asdict(run), separators=(",", ":")), file=file)
    write(load(options.results), every)


if __name__ == "__main__":
    main()
