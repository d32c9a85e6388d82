"""Events into frames, and the cache that keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cost_models import InputError
from dse.datasets.dataset import LoadOptions
from dse.datasets.events import DamagedRecordingError, Events
from dse.datasets.frame_cache import CachedFrames, cached_frames
from dse.datasets.frames import Rendering
from dse.datasets.recordings import Recording


def events_of(rows: list[tuple[int, int, int, int]]) -> Events:
    x, y, polarity, time = np.array(rows, np.int64).T
    return Events(x, y, polarity, time)


some_events = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(0, 1), st.integers(0, 10**6)), min_size=1, max_size=40
)


@given(some_events, st.integers(1, 7), st.sampled_from([(6, 8), (3, 4), (1, 1), (4, 5)]))
def test_frames_by_time_count_every_event_in_its_own_bin(
    rows: list[tuple[int, int, int, int]], steps: int, size: tuple[int, int]
) -> None:
    expected = np.zeros((steps, 2, *size), int)
    start, end = min(row[3] for row in rows), max(row[3] for row in rows) + 1
    for x, y, polarity, time in rows:
        step = next(t for t in range(steps) if (time - start) * steps < (t + 1) * (end - start))
        expected[step, polarity, y * size[0] // 6, x * size[1] // 8] += 1
    assert np.array_equal(Rendering((6, 8), size, steps).frames(events_of(rows)), expected)


@given(some_events, st.integers(1, 7))
def test_frames_by_count_share_the_events_evenly_and_in_order(
    rows: list[tuple[int, int, int, int]], steps: int
) -> None:
    frames = Rendering((6, 8), (6, 8), steps, "count").frames(events_of(rows))
    per_frame = frames.sum((1, 2, 3))
    assert per_frame.sum() == len(rows)
    assert np.ptp(per_frame) <= 1
    first = next(t for t in range(steps) if per_frame[t])
    assert frames[first, rows[0][2], rows[0][1], rows[0][0]] >= 1


def test_counts_end_at_the_cap() -> None:
    frames = Rendering((2, 2), (2, 2), 1, cap=7).frames(events_of([(1, 0, 1, 5)] * 300))
    assert frames[0, 1, 0, 1] == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"slicing": "size"}, "cannot be sliced by 'size'; known: time, count"),
        ({"time_steps": 0}, "time_steps is 0"),
        ({"time_steps": 10**9}, "1 to 1000 bins"),
        ({"size": (9, 9)}, "frame_size is 9; frames of this sensor have 1 to 8 pixels"),
    ],
)
def test_frames_that_cannot_be_are_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Rendering(**{"sensor": (8, 8), "size": (8, 8), "time_steps": 2, **arguments})  # type: ignore[arg-type]


class Shelf:
    """Recordings of one event each that count how often they are read."""

    def __init__(self) -> None:
        self.read = 0

    def recording(self, name: str, stamp: str = "1", damaged: bool = False) -> Recording:
        def cut() -> list[tuple[int, Events]]:
            self.read += 1
            if damaged:
                raise DamagedRecordingError(f"{name} is truncated")
            return [(len(name) % 2, events_of([(1, 1, 1, 3)]))]

        return Recording(name, stamp, cut)


@pytest.fixture
def render(tmp_path: Path) -> Callable[..., CachedFrames]:
    def made(*recordings: Recording, corrupt: str = "refuse", steps: int = 2) -> CachedFrames:
        options = LoadOptions(data_root=tmp_path, cache_root=tmp_path / "cache", corrupt=corrupt)
        return cached_frames("made train", recordings, Rendering((2, 2), (2, 2), steps), options)

    return made


def cache_files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache" / "frames").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_recordings_are_read_once_and_mapped_from_then_on(render: Callable[..., CachedFrames]) -> None:
    shelf = Shelf()
    first = render(shelf.recording("a"), shelf.recording("bb"))
    again = render(shelf.recording("a"), shelf.recording("bb"))
    assert shelf.read == 2
    assert again.fingerprint == first.fingerprint
    assert torch.equal(again.samples.inputs, first.samples.inputs)
    assert again.samples.targets.tolist() == [1, 0]


@pytest.mark.parametrize("change", ["stamp", "steps"])
def test_a_changed_recording_or_rendering_is_rendered_anew(render: Callable[..., CachedFrames], change: str) -> None:
    shelf = Shelf()
    render(shelf.recording("a"))
    render(shelf.recording("a", stamp="2" if change == "stamp" else "1"), steps=3 if change == "steps" else 2)
    assert shelf.read == 2


@pytest.mark.parametrize("name", ["inputs.u8", "targets.i64", "about.json"])
def test_a_damaged_cache_is_rendered_again(render: Callable[..., CachedFrames], tmp_path: Path, name: str) -> None:
    shelf = Shelf()
    whole = render(shelf.recording("a")).samples.inputs.clone()
    [path] = [path for path in cache_files(tmp_path) if path.name == name]
    path.write_bytes(path.read_bytes()[:-1])
    assert torch.equal(render(shelf.recording("a")).samples.inputs, whole)
    assert shelf.read == 2


def test_a_cache_of_an_older_form_is_rendered_again(render: Callable[..., CachedFrames], tmp_path: Path) -> None:
    shelf = Shelf()
    render(shelf.recording("a"))
    [path] = [path for path in cache_files(tmp_path) if path.name == "about.json"]
    path.write_text(json.dumps(["not", "ours"]))
    assert len(render(shelf.recording("a")).samples) == 1


def test_writing_to_mapped_frames_never_reaches_the_cache(render: Callable[..., CachedFrames]) -> None:
    shelf = Shelf()
    render(shelf.recording("a")).samples.inputs.fill_(99)
    assert int(render(shelf.recording("a")).samples.inputs.max()) == 1


def test_a_damaged_recording_is_named_and_nothing_is_kept(render: Callable[..., CachedFrames], tmp_path: Path) -> None:
    shelf = Shelf()
    with pytest.raises(DamagedRecordingError, match="made train: bb is truncated"):
        render(shelf.recording("a"), shelf.recording("bb", damaged=True))
    assert cache_files(tmp_path) == []


def test_a_damaged_recording_is_left_out_by_choice_and_named(render: Callable[..., CachedFrames]) -> None:
    shelf = Shelf()
    with pytest.warns(UserWarning, match="1 damaged left out: bb is truncated"):
        frames = render(shelf.recording("a"), shelf.recording("bb", damaged=True), corrupt="skip")
    assert len(frames.samples) == 1
    with pytest.warns(UserWarning, match="bb is truncated"):
        render(shelf.recording("a"), shelf.recording("bb", damaged=True), corrupt="skip")


def test_a_part_without_one_usable_recording_is_refused(render: Callable[..., CachedFrames]) -> None:
    with pytest.raises(InputError, match="none of the 1 recordings can be used: bb is truncated"):
        render(Shelf().recording("bb", damaged=True), corrupt="skip")


def test_an_unknown_reaction_to_damage_is_refused(render: Callable[..., CachedFrames]) -> None:
    with pytest.raises(InputError, match="corrupt is 'ignore'"):
        render(Shelf().recording("a"), corrupt="ignore")


def test_an_interrupted_rendering_leaves_nothing_that_is_taken_for_whole(
    render: Callable[..., CachedFrames], tmp_path: Path
) -> None:
    def interrupted() -> list[tuple[int, Events]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(Shelf().recording("a"), Recording("bb", "1", interrupted))
    assert cache_files(tmp_path) == []


def test_a_cache_folder_that_cannot_be_made_is_named(render: Callable[..., CachedFrames], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(InputError, match=r"cache.*cannot be written.*choose another cache folder"):
        render(Shelf().recording("a"))
