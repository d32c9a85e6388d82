"""The tables and sentences that a human sees of a front, and of a point that is chosen from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cost_models.quantities import format_ratio
from dse.budget import Limits, Point, Reachable
from dse.console import PlainTable, front_table, human, rounded_outwards, words
from dse.documents import trial_document
from dse.study_tables import hypervolume_share, uncompressed_line

if TYPE_CHECKING:
    from studies import StudyResults


def front_view(results: StudyResults) -> Iterator[str | PlainTable]:
    """The front as a table, with what it is compared with."""
    study, points = results.study, results.front_points()
    if not points:
        yield f"The front of {study.name!r} is empty: {empty_reason(results)}."
        return
    title = f"Pareto front of {study.name!r}"
    yield front_table(title, points, study.objectives.names, study.space.method.keys)
    yield from _choice_lines(results, points)
    yield from _beside_front(results, points)


def recost_view(results: StudyResults, document: Mapping[str, Any]) -> Iterator[str | PlainTable]:
    """The front under another profile, and how it differs from the one that the search found."""
    yield from front_view(results)
    hardware, searched_on = document["hardware"], document["searched_on"]
    yield (
        f"{document['trials_priced']} trained trials of the search on {searched_on}, priced anew on {hardware}; "
        "nothing was trained or stored."
    )
    for key, which in (("came", "New on the front"), ("went", f"On the front of {searched_on} only")):
        if document[key]:
            yield f"{which}: trial{'s' if len(document[key]) > 1 else ''} {', '.join(map(str, document[key]))}."
    if document["over_old_limits"]:
        yield (
            f"{document['over_old_limits']} proposals over a limit on {searched_on} were never trained; "
            f"a search on {hardware} may find more."
        )


def _choice_lines(results: StudyResults, points: Sequence[Point]) -> Iterator[str]:
    """What the spread between seeds says about the front: how sure its places are, and the point that it suggests."""
    from studies.results import one_standard_error_point

    if any(point["front_probability"] is not None for point in points):
        yield (
            "On the front: the probability that no other member is better on average over training seeds; "
            f"near the best, one seed differs from the next by {results.best_seed_deviation:.2%} (standard deviation)."
        )
    pick = one_standard_error_point(points, results.study.objectives.minimize)
    if pick is not None:
        sentence = one_standard_error_sentence(points, pick, results.study.objectives.minimize)
        yield f"One-standard-error pick: {sentence}."


def one_standard_error_sentence(points: Sequence[Point], pick: Point, minimize: Sequence[str]) -> str:
    """What the pick costs, and how near it is to the most accurate point."""
    best = max(points, key=lambda point: float(point["accuracy_validation"] or 0.0))
    cost = next(name for name in minimize if name in pick["cost"])
    reached = f"trial {pick['trial']} with {human(cost, pick['cost'][cost])} {words(cost)}"
    if pick["trial"] == best["trial"]:
        return f"{reached}, the most accurate; no cheaper point is within its standard error"
    return (
        f"{reached} and {human('accuracy', pick['accuracy_validation'])}, within one standard error "
        f"({best['accuracy_standard_error']:.2%}) of the most accurate, trial {best['trial']} with "
        f"{human(cost, best['cost'][cost])} and {human('accuracy', best['accuracy_validation'])}"
    )


def one_standard_error_choice(
    results: StudyResults, points: Sequence[Point], limits: Limits
) -> tuple[Point | None, str]:
    """The one-standard-error pick among the points inside the limits, and what to say of it; None where none fits."""
    from cost_models import InputError
    from studies.results import one_standard_error_point

    fitting = [point for point in points if limits.allows(point)]
    minimize = results.study.objectives.minimize
    pick = one_standard_error_point(fitting, minimize)
    if pick is None and fitting:
        raise InputError(
            f"--one-standard-error: study {results.study.name!r} has no front member that was trained under two seeds; "
            "run it with search.seeds_on_front=2 or more"
        )
    return (
        pick,
        "" if pick is None else f"; one-standard-error pick: {one_standard_error_sentence(fitting, pick, minimize)}",
    )


def empty_reason(results: StudyResults) -> str:
    """Why a study has no front."""
    if not results.evaluations:
        return "no trial has been run yet"
    if results.finished and results.study.constraints:
        return f"none of {results.finished} finished trials keeps the study's constraints"
    return f"none of {len(results.evaluations)} trials has finished"


def _beside_front(results: StudyResults, points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    baseline = results.baseline
    if baseline is not None and baseline.cost is not None:
        whole = baseline.cost.total.to_dict()
        costs = [name for name in results.study.objectives.names if name in whole]
        yield uncompressed_line(trial_document(results.study, baseline), costs)
        least = [(name, min(point["cost"][name] for point in points)) for name in costs]
        smaller = [f"{format_ratio(whole[name] / value)} less {words(name)}" for name, value in least if value]
        if smaller:
            yield f"The front reaches {', '.join(smaller)}."
    share = hypervolume_share(results)
    if results.hypervolume is not None and share is not None:
        ideal = "of what a point without error and without cost would dominate"
        yield f"Hypervolume {results.hypervolume:.4g}, {share:.1%} {ideal}."


def chosen_sentence(results: StudyResults, points: Sequence[Point], best: Point, limits: Limits) -> str:
    """Which point a budget comes from, and what it reaches."""
    names = [name for name in results.study.objectives.names if name in best["cost"]]
    names += [name for name in limits.upper if name not in names]
    reached = ", ".join(f"{human(name, best['cost'][name])} {words(name)}" for name in names)
    accuracy = f"validation accuracy {human('accuracy', best['accuracy_validation'])}"
    if best["accuracy_test"] is not None:
        accuracy += f" (test {human('accuracy', best['accuracy_test'])})"
    inside = sum(limits.allows(point) for point in points)
    among = f"; {inside} of {len(points)} points fit" if limits.names else f"; the most accurate of {len(points)}"
    return f"trial {best['trial']}: {accuracy}, {reached}{among}"


def nothing_fits_sentence(results: StudyResults, limits: Limits, nearest: Sequence[Reachable]) -> str:
    """Why no point fits, with the nearest reachable value of each limit."""
    name = results.study.name
    if not nearest:
        return f"study {name!r} has no front point to choose from: {empty_reason(results)}"
    asked = [f"at most {human(limit, most)} {words(limit)}" for limit, most in limits.upper.items()]
    if limits.min_accuracy is not None:
        asked.append(f"at least {limits.min_accuracy:g} accuracy")
    several = len(nearest) > 1
    reachable = ", ".join(
        f"{words(one.name)} {rounded_outwards(one.name, one.value)} (trial {one.trial}"
        + (f", {'the other limits kept' if one.others_kept else 'on its own'})" if several else ")")
        for one in nearest
    )
    return f"no point of study {name!r} has {' and '.join(asked)}; nearest reachable: {reachable}"
