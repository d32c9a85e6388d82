from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cost_models import InputError
from studies import Study, load_study, ready_studies
from studies.design_space import Choices


def write(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str, *overrides: str) -> str:
    """The sentence with which a study file is refused, without the file's own name."""
    path = write(folder, text)
    with pytest.raises(InputError) as caught:
        load_study(path, overrides)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    return sentence.removeprefix(str(path))


def test_a_name_is_enough(tmp_path: Path) -> None:
    assert load_study(write(tmp_path, 'name = "tiny"')) == Study("tiny")


@pytest.mark.parametrize("name", ready_studies())
def test_a_ready_study_loads_by_its_name(name: str) -> None:
    assert load_study(name).name == name


def test_a_ready_study_loads_the_same_from_its_file() -> None:
    import studies.study_file

    path = Path(studies.study_file.__file__).parent / "definitions" / "digits.toml"
    assert load_study(path) == load_study("digits")


def test_a_range_is_written_out(tmp_path: Path) -> None:
    space = load_study(
        write(
            tmp_path,
            'name = "a"\n[space]\npruning_ratio = { low = 0.0, high = 0.95, step = 0.05 }\n'
            "time_steps = { low = 1, high = 8 }\nweight_bits = 4\nmembrane_bits = [8, 1.58]",
        )
    ).space
    assert space.pruning_ratio.values == tuple(percent / 100 for percent in range(0, 100, 5))
    assert space.time_steps.values == (1, 2, 3, 4, 5, 6, 7, 8)
    assert space.weight_bits == Choices((4,))
    assert space.membrane_bits.values == (1.58, 8)


def test_one_layer_may_have_its_own_choices(tmp_path: Path) -> None:
    space = load_study(
        write(tmp_path, 'name = "a"\n[space]\nweight_bits = [2, 4]\n[space.layer."features.0"]\nweight_bits = 8')
    ).space
    assert space.for_layer("features.0")["weight_bits"].values == (8,)
    assert space.for_layer("features.3")["weight_bits"].values == (2, 4)


def test_limits_are_read_with_their_units(tmp_path: Path) -> None:
    study = load_study(
        write(
            tmp_path,
            'name = "a"\n[constraints]\nmemory_bytes = "64KiB"\nenergy_joules = "5uJ"\nlatency_seconds = 0.25',
        )
    )
    assert study.constraints == {"memory_bytes": 65536.0, "energy_joules": 5e-6, "latency_seconds": 0.25}


def test_a_method_has_its_own_options(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, 'name = "a"\n[method]\npruning = "admm"\n[method.admm]\nrho = 1e-3'))
    assert study.method.options == {"admm": {"rho": 1e-3}}


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "a"')
    assert load_study(path).name == "a"


def test_overrides_are_toml_values_and_plain_words(tmp_path: Path) -> None:
    study = load_study(
        write(tmp_path, 'name = "a"\n[search]\ntrials = 3'),
        [
            "search.trials=5",
            "task.dataset=mnist",
            "constraints.memory_bytes=64KiB",
            "space.weight_bits=[2, 4]",
            'space.layer."features.0".pruning_ratio=0.5',
            'name = "b"',
            "method.admm.rho=0.1",
            "task.network=net.py:make=it",
        ],
    )
    assert (study.name, study.search.trials, study.task.dataset) == ("b", 5, "mnist")
    assert study.constraints == {"memory_bytes": 65536.0}
    assert study.space.weight_bits.values == (2, 4)
    assert study.space.for_layer("features.0")["pruning_ratio"].values == (0.5,)
    assert study.method.options == {"admm": {"rho": 0.1}}
    assert study.task.network == "net.py:make=it"


def test_an_override_may_mend_a_file(tmp_path: Path) -> None:
    assert load_study(write(tmp_path, "seed = 1"), ["name=x"]).name == "x"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("seed = 1", ["name is missing"]),
        ('name = ""', ["name is ''", "printable"]),
        ("name = 3", ["name is 3"]),
        ('name = "a"\nsede = 1', ["unknown key 'sede'", "did you mean 'seed'"]),
        ('name = "a"\nseed = -1', ["seed is -1", "at least 0"]),
        ('name = "a"\nseed = 5000000000', ["seed is 5000000000", "at most"]),
        ('name = "a"\nseed = true', ["seed is True"]),
        ('name = "a"\ntask = 3', ["task is 3", "[task]"]),
        ('name = "a"\n[trainign]', ["unknown key 'trainign'", "did you mean 'training'"]),
        ('name = "a"\n[task]\nnetwrok = "x"', ["task: unknown key 'netwrok'", "did you mean 'network'"]),
        ('name = "a"\n[task]\nkind = 3', ["task.kind is 3", "a text"]),
        ('name = "a"\n[method]\npurning = "admm"', ["method: unknown key 'purning'", "did you mean 'pruning'"]),
        ('name = "a"\n[method]\npruning = 1', ["method.pruning is 1"]),
        ('name = "a"\n[method.admm]\nwhen = 2020-01-01', ["method.admm.when"]),
        ('name = "a"\n[hardware]\nprofil = "x"', ["hardware: unknown key 'profil'", "'profile'"]),
        ('name = "a"\n[hardware]\nprofile = 45', ["hardware.profile is 45"]),
        ('name = "a"\n[objectives]\nminimize = ["memory"]', ["objectives.minimize", "'memory'", "memory_bytes"]),
        ('name = "a"\n[objectives]\nmaximize = ["acuracy"]', ["did you mean 'accuracy'"]),
        ('name = "a"\n[objectives]\nmaximize = "accuracy"', ["objectives.maximize is 'accuracy'", "list"]),
        ('name = "a"\n[objectives]\nminimize = ["accuracy"]', ["belongs under objectives.maximize"]),
        ('name = "a"\n[objectives]\nminimize = ["macs", "macs"]', ["'macs' 2 times"]),
        ('name = "a"\n[objectives]\nmaximize = []\nminimize = []', ["at least one objective"]),
        (
            'name = "a"\n[constraints]\nmemory = "1kB"',
            ["constraints: unknown quantity to limit 'memory'", "memory_bytes"],
        ),
        ('name = "a"\n[constraints]\naccuracy = 0.9', ["constraints: unknown quantity to limit 'accuracy'"]),
        ('name = "a"\n[constraints]\nmemory_bytes = "64 apples"', ["constraints.memory_bytes", "64 apples"]),
        ('name = "a"\n[constraints]\nmemory_bytes = -1', ["constraints.memory_bytes is -1", "above 0"]),
        ('name = "a"\n[constraints]\nmemory_bytes = nan', ["constraints.memory_bytes"]),
        ('name = "a"\n[constraints]\nmemory_bytes = true', ["constraints.memory_bytes"]),
        ('name = "a"\n[training]\nepochs = 0', ["training.epochs is 0", "at least 1"]),
        ('name = "a"\n[training]\nepochs = "8"', ["training.epochs is '8'", "whole number"]),
        ('name = "a"\n[training]\nepochs = 8.0', ["training.epochs is 8.0", "whole number"]),
        ('name = "a"\n[training]\nepoch = 8', ["training: unknown key 'epoch'", "did you mean 'epochs'"]),
        ('name = "a"\n[training]\nlearning_rate = 0', ["training.learning_rate is 0", "above 0"]),
        ('name = "a"\n[training]\nlearning_rate = inf', ["training.learning_rate is inf"]),
        ('name = "a"\n[training]\nvalidation_fraction = 1.0', ["training.validation_fraction is 1.0"]),
        ('name = "a"\n[search]\ntrials = 0', ["search.trials is 0"]),
        ('name = "a"\n[search]\noptions = 1', ["search.options is 1", "[search.options]"]),
        ('name = "a"\n[search]\nsampelr = "tpe"', ["search: unknown key 'sampelr'", "did you mean 'sampler'"]),
        ('name = "a"\n[space]\nweigth_bits = 3', ["space: unknown key 'weigth_bits'", "did you mean 'weight_bits'"]),
        ('name = "a"\n[space]\nweight_bits = [3.5]', ["space.weight_bits is 3.5", "1.58"]),
        ('name = "a"\n[space]\nweight_bits = []', ["space.weight_bits is an empty list"]),
        ('name = "a"\n[space]\nweight_bits = "4"', ["space.weight_bits is '4'", "list of numbers"]),
        ('name = "a"\n[space]\nweight_bits = [4, "8"]', ["space.weight_bits", "list of numbers"]),
        ('name = "a"\n[space]\npruning_ratio = 1.0', ["space.pruning_ratio is 1.0", "not including, 1"]),
        ('name = "a"\n[space]\npruning_ratio = nan', ["space.pruning_ratio is nan"]),
        ('name = "a"\n[space]\npruning_ratio = {low = 0, high = 0.9}', ["space.pruning_ratio", "needs a step"]),
        ('name = "a"\n[space]\npruning_ratio = {low = 0, high = 0.9, step = 0}', ["space.pruning_ratio", "above 0"]),
        ('name = "a"\n[space]\npruning_ratio = {low = 0, high = 0.9, step = 1e-9}', ["space.pruning_ratio", "over"]),
        ('name = "a"\n[space]\npruning_ratio = {low = 0, high = inf, step = 0.1}', ["space.pruning_ratio", "no end"]),
        ('name = "a"\n[space]\ntime_steps = 0', ["space.time_steps is 0", "at least 1"]),
        ('name = "a"\n[space]\ntime_steps = 1.5', ["space.time_steps is 1.5"]),
        ('name = "a"\n[space]\ntime_steps = {low = 4, high = 2}', ["space.time_steps", "low end"]),
        ('name = "a"\n[space]\ntime_steps = {low = 1.5, high = 2}', ["space.time_steps.low is 1.5", "whole"]),
        ('name = "a"\n[space]\ntime_steps = {low = 1, hihg = 2}', ["unknown key 'hihg'", "did you mean 'high'"]),
        ('name = "a"\n[space]\ntime_steps = {low = 1}', ["space.time_steps", "'high'"]),
        ('name = "a"\n[space.layer.conv1]\nbits = 3', ["space.layer.conv1: unknown key 'bits'"]),
        ('name = "a"\n[space.layer.conv1]\nweight_bits = 33', ["space.layer.conv1.weight_bits is 33"]),
        ('name = "a"\n[space.layer.features.0]\nweight_bits = 3', ['[space.layer."features.0"]']),
        ('name = "a"\n[space]\nlayer = 3', ["space.layer is 3"]),
        ("name = a\nseed = 1", ["is not valid TOML", "line 1"]),
    ],
)
def test_a_mistake_in_a_study_file_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    sentence = refusal(tmp_path, text)
    assert all(part in sentence for part in parts), sentence


def test_a_mistake_in_an_override_is_named_with_it(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, 'name = "a"', "search.trials=many")
    assert "--set search.trials=many" in sentence
    assert "search.trials is 'many'; it is a whole number" in sentence


@pytest.mark.parametrize("override", ["search.trials", "=5", "a b=5", "x=1\ny=2=3", ".a=1", "search.=1"])
def test_an_override_without_a_key_or_value_is_refused(override: str) -> None:
    with pytest.raises(InputError, match=r"an override is KEY=VALUE|unknown key"):
        load_study("digits", [override])


def test_an_override_cannot_bring_in_further_keys() -> None:
    with pytest.raises(InputError, match=r"search\.trials is"):
        load_study("digits", ["search.trials=5\nseed = 7"])


def test_an_override_below_a_plain_value_is_refused() -> None:
    with pytest.raises(InputError, match="seed is 0 and not a table"):
        load_study("digits", ["seed.x=1"])


def test_a_misspelt_ready_study_is_named_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="did you mean 'digits'"):
        load_study("digit")


def test_a_missing_file_is_named_with_the_ready_studies() -> None:
    with pytest.raises(InputError, match=r"no study file nowhere/my\.toml; ready studies: .*digits"):
        load_study("nowhere/my.toml")


def test_a_folder_is_no_study_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        load_study(tmp_path)


def test_a_binary_file_is_no_study_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="UTF-8"):
        load_study(path)


def test_the_parser_never_fails_otherwise_on_deeply_nested_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not valid TOML|unknown key"):
        load_study(write(tmp_path, "x = " + "[" * 5000))


def test_the_example_study_has_every_section(repository: Path) -> None:
    text = (repository / "studies" / "definitions" / "digits.toml").read_text(encoding="utf-8")
    sections = {"task", "method", "space", "hardware", "objectives", "training", "search"}
    assert sections <= set(tomllib.loads(text))
