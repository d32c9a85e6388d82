"""Event data sets: N-MNIST on its real recordings, CIFAR10-DVS and DVS128 Gesture on small self-made files.

No copy of CIFAR10-DVS or DVS128 Gesture was at hand: their tests show that the official layouts and formats are read as
published, not that the official files are.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cost_models import InputError
from dse.datasets import load_dataset, split_train_validation
from dse.datasets.cifar import CLASS_NAMES
from dse.evaluate import data_of
from studies import load_study
from tests.dse.datasets.event_writers import Event, write_aedat2, write_aedat3, write_bin


def unpack(archive: Path, folder: Path, keep: int) -> None:
    with zipfile.ZipFile(archive) as stream:
        members = [name for name in sorted(stream.namelist()) if name.endswith(".bin")]
        stream.extractall(folder, members[:keep])


def test_n_mnist_has_the_published_recordings_and_class_counts(data_root: Path, tmp_path: Path) -> None:
    dataset = load_dataset("n_mnist", data_root, cache_root=tmp_path, time_steps=2)
    assert torch.bincount(dataset.train.targets).tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    assert torch.bincount(dataset.test.targets).tolist() == [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]


def test_n_mnist_recordings_come_in_the_order_of_mnist(data_root: Path, tmp_path: Path) -> None:
    labels = load_dataset("n_mnist", data_root, cache_root=tmp_path, time_steps=2).train.targets
    assert torch.equal(labels, load_dataset("mnist", data_root).train.targets[:1000])


def test_n_mnist_frames_are_time_first_batches_of_capped_counts(data_root: Path, tmp_path: Path) -> None:
    dataset = load_dataset("n_mnist", data_root, cache_root=tmp_path, time_steps=6)
    assert dataset.temporal
    assert dataset.input_shape == (2, 34, 34)
    assert dataset.train.inputs.shape == (1000, 6, 2, 34, 34)
    batch = dataset.train.normalised([0, 999])
    assert batch.shape == (6, 2, 2, 34, 34)
    assert float(dataset.train.inputs.max()) == 7.0


def test_n_mnist_counts_are_the_events_of_a_recording_read_by_numpy(data_root: Path, tmp_path: Path) -> None:
    frames = load_dataset("n_mnist", data_root, cache_root=tmp_path, time_steps=1).train.inputs[1, 0]
    with zipfile.ZipFile(data_root / "n-mnist" / "Train.zip") as archive:
        raw = np.frombuffer(archive.read("Train/0/00002.bin"), np.uint8).reshape(-1, 5)
    counts = np.zeros((2, 34, 34), int)
    np.add.at(counts, (raw[:, 2] >> 7, raw[:, 1], raw[:, 0]), 1)
    assert np.array_equal(frames.numpy(), np.minimum(counts, 7))


def test_folders_and_archives_give_the_same_samples(data_root: Path, tmp_path: Path) -> None:
    unpack(data_root / "n-mnist" / "Train.zip", tmp_path / "folders" / "n-mnist", 20)
    (tmp_path / "archives" / "n-mnist").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "archives" / "n-mnist" / "Train.zip", "w") as archive:
        for path in sorted((tmp_path / "folders" / "n-mnist").rglob("*.bin")):
            archive.write(path, path.relative_to(tmp_path / "folders" / "n-mnist"))
    unpacked, packed = (
        load_dataset("n_mnist", tmp_path / name, cache_root=tmp_path).fingerprint for name in ("folders", "archives")
    )
    assert unpacked == packed


def test_event_data_are_split_without_leaving_the_disk(data_root: Path, tmp_path: Path) -> None:
    dataset = load_dataset("n_mnist", data_root, cache_root=tmp_path, time_steps=2)
    train, validation = split_train_validation(dataset, 0.15, seed=0)
    assert (len(train), len(validation)) == (850, 150)
    assert train.normalised(torch.arange(3)).shape == (2, 3, 2, 34, 34)
    assert train._stored.data_ptr() == dataset.train._stored.data_ptr()


def put_n_mnist(root: Path, **contents: bytes) -> Path:
    for part in ("Train", "Test"):
        folder = root / "n-mnist" / part / "5"
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / f"{name.removeprefix('n')}.bin").write_bytes(content)
    return root


ONE: list[Event] = [(3, 4, 1, 10)]


def test_a_truncated_recording_is_named(tmp_path: Path) -> None:
    root = put_n_mnist(tmp_path, n00001=write_bin(ONE), n00002=write_bin(ONE)[:-1])
    with pytest.raises(InputError, match=r"n_mnist train: Train/5/00002\.bin is truncated"):
        load_dataset("n_mnist", root, cache_root=tmp_path)


def test_damaged_recordings_are_skipped_by_choice(tmp_path: Path) -> None:
    root = put_n_mnist(tmp_path, n00001=write_bin(ONE), n00002=b"", n00003=write_bin([(40, 4, 1, 10)]))
    with pytest.warns(UserWarning, match=r"2 damaged left out: Train/5/00002.* empty.*; Train/5/00003.* outside"):
        dataset = load_dataset("n_mnist", root, cache_root=tmp_path, corrupt="skip")
    assert len(dataset.train) == 1


def test_a_damaged_member_of_an_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "n-mnist").mkdir()
    path = tmp_path / "n-mnist" / "Train.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Train/5/00001.bin", write_bin(ONE))
    content = bytearray(path.read_bytes())
    content[content.index(write_bin(ONE))] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"Train/5/00001\.bin cannot be unpacked \(Bad CRC"):
        load_dataset("n_mnist", tmp_path, cache_root=tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 50])
def test_an_archive_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "n-mnist").mkdir()
    (tmp_path / "n-mnist" / "Train.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"Train\.zip is damaged: it cannot be opened"):
        load_dataset("n_mnist", tmp_path, cache_root=tmp_path)


@pytest.mark.parametrize("name", ["n_mnist", "cifar10_dvs", "dvs128_gesture"])
def test_absent_event_data_are_one_sentence_with_folder_and_address(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: .*{tmp_path}.*https://"):
        load_dataset(name, tmp_path, cache_root=tmp_path)


def put_cifar10_dvs(root: Path, zipped: bool) -> Path:
    """Two recordings a class; number 0 of class k has k + 1 events, number 10 (later, not between) has one."""
    folder = root / "cifar10-dvs"
    folder.mkdir()
    for label, name in enumerate(CLASS_NAMES):
        many: list[Event] = [(127, 0, 1, 100 + step) for step in range(label + 1)]
        contents = {0: write_aedat2(many), 10: write_aedat2([(0, 127, 0, 5)])}
        for number, content in contents.items():
            inside = f"{name}/cifar10_{name}_{number}.aedat"
            if zipped:
                with zipfile.ZipFile(folder / f"{name}.zip", "a") as archive:
                    archive.writestr(inside, content)
            else:
                (folder / name).mkdir(exist_ok=True)
                (folder / inside).write_bytes(content)
    return root


@pytest.mark.parametrize("zipped", [False, True])
def test_cifar10_dvs_is_read_from_class_folders_and_archives(tmp_path: Path, zipped: bool) -> None:
    dataset = load_dataset("cifar10_dvs", put_cifar10_dvs(tmp_path, zipped), cache_root=tmp_path, time_steps=1)
    assert dataset.input_shape == (2, 48, 48)
    assert dataset.train.targets.tolist() == list(range(10))
    assert dataset.train.inputs[:, 0, 1, 0, 47].tolist() == list(range(1, 11))
    assert dataset.test.inputs[:, 0, 0, 47, 0].tolist() == [1] * 10


def test_frames_of_the_whole_sensor_are_had_by_their_size(tmp_path: Path) -> None:
    root = put_cifar10_dvs(tmp_path, zipped=False)
    dataset = load_dataset("cifar10_dvs", root, cache_root=tmp_path, time_steps=2, frame_size=128, slicing="count")
    assert dataset.train.inputs.shape == (10, 2, 2, 128, 128)
    assert int(dataset.train.inputs[9].sum()) == 10


GESTURES = "class,startTime_usec,endTime_usec\n1,100,200\n11,200,300\n"


def put_gestures(root: Path, labels: str = GESTURES, events: bytes | None = None) -> Path:
    folder = root / "dvs128-gesture" / "DvsGesture"
    folder.mkdir(parents=True)
    made: list[Event] = [(1, 2, 0, 50), (0, 0, 1, 100), (127, 127, 1, 199), (127, 0, 0, 200), (5, 5, 0, 300)]
    for part, trial in (("train", "user01_led"), ("test", "user24_led")):
        (folder / f"trials_to_{part}.txt").write_text(f"{trial}.aedat\r\n\r\n")
        (folder / f"{trial}.aedat").write_bytes(write_aedat3(made, others=True) if events is None else events)
        (folder / f"{trial}_labels.csv").write_text(labels)
    return root


def test_a_gesture_is_what_lies_between_its_labelled_times(tmp_path: Path) -> None:
    root = put_gestures(tmp_path)
    dataset = load_dataset("dvs128_gesture", root, cache_root=tmp_path, time_steps=1, frame_size=128)
    assert dataset.train.targets.tolist() == [0, 10]
    assert dataset.train.inputs.nonzero().tolist() == [[0, 0, 1, 0, 0], [0, 0, 1, 127, 127], [1, 0, 0, 0, 127]]
    assert len(dataset.test) == 2


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("", "names no gestures"),
        ("class,startTime_usec,endTime_usec\n12,1,2\n", "it has class 12"),
        ("class,startTime_usec,endTime_usec\n1,300,300\n", "from 300 to 300 us"),
        ("class,startTime_usec,endTime_usec\n1,a,300\n", "its lines are class,startTime_usec,endTime_usec"),
        ("class,start\n1,2\n", "its lines are class,startTime_usec,endTime_usec"),
        ("class,startTime_usec,endTime_usec\n1,400,500\n", "holds no events from 400 to 500 us"),
    ],
)
def test_labels_that_fit_no_events_are_named(tmp_path: Path, labels: str, said: str) -> None:
    with pytest.raises(InputError, match=f"dvs128_gesture train: user01_led.*{said}"):
        load_dataset("dvs128_gesture", put_gestures(tmp_path, labels=labels), cache_root=tmp_path)


def test_a_truncated_gesture_recording_is_named(tmp_path: Path) -> None:
    root = put_gestures(tmp_path, events=write_aedat3(ONE)[:-1])
    with pytest.raises(InputError, match=r"user01_led\.aedat is truncated"):
        load_dataset("dvs128_gesture", root, cache_root=tmp_path)


def test_a_listed_recording_that_is_absent_is_named(tmp_path: Path) -> None:
    root = put_gestures(tmp_path)
    (root / "dvs128-gesture" / "DvsGesture" / "user01_led.aedat").unlink()
    with pytest.raises(InputError, match=r"user01_led\.aedat cannot be read"):
        load_dataset("dvs128_gesture", root, cache_root=tmp_path)


def test_a_study_says_how_events_are_sliced_and_what_happens_to_damaged_recordings(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSE_CACHE", str(tmp_path / "cache"))
    for name in ("Train", "Test"):
        unpack(data_root / "n-mnist" / f"{name}.zip", tmp_path / "n-mnist", 30)
    damaged = next((tmp_path / "n-mnist" / "Train").rglob("*.bin"))
    damaged.write_bytes(damaged.read_bytes()[:-2])
    refusing = load_study("n_mnist", ["task.slicing=count"])
    with pytest.raises(InputError, match="truncated"):
        data_of(refusing, str(tmp_path), 3)
    skipping = load_study("n_mnist", ["task.slicing=count", "task.corrupt=skip"])
    with pytest.warns(UserWarning, match="1 damaged left out"):
        frames = data_of(skipping, str(tmp_path), 3).train.inputs
    assert len(frames) == 29
    events = frames.sum(dim=(2, 3, 4), dtype=torch.int64)
    # Equal numbers of events in each bin, but for those above a pixel's cap.
    assert float((events / events.sum(dim=1, keepdim=True)).min()) > 0.3
