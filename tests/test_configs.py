"""Every yaml names a target that exists, and nothing but its arguments; a typo is answered with the right key."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from taxoeval import decoding as decoders
from taxoeval.__main__ import _build, _check_call, _hints, config_folder
from taxoeval.errors import TaxoevalError
from taxoeval.tasks.decoding import Decoding, rule_name

GROUPS = ("encoder", "dataset", "task", "prompts", "decoding", "logger", "runtime")
FILES = sorted(file for group in GROUPS for file in (config_folder() / group).glob("*.yaml"))


HELPERS = ("fit_temperature", "sums_of")


def is_protocol(rule):
    return getattr(rule, "_is_protocol", False)


def targets(node):
    if "_target_" in node:
        yield node
    for key in node:
        if not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key):
            child = node[key]
            if isinstance(child, DictConfig):
                yield from targets(child)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_key_is_an_argument_and_every_argument_a_key(file):
    found = list(targets(OmegaConf.load(file)))
    assert found
    for node in found:
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        keys = {str(key) for key in node if key != "_target_"}
        required = {name for name, p in parameters.items() if p.default is p.empty}
        assert keys <= set(parameters), keys - set(parameters)
        assert required <= keys, required - keys


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_yaml_says_what_it_is_first(file):
    assert file.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("encoder", sorted(f.stem for f in FILES if f.parent.name == "encoder"))
def test_every_encoder_composes(encoder):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = compose("config", [f"encoder={encoder}", "task=[knn,zero_shot]"])
    assert set(cfg.task) == {"knn", "zero_shot"}
    assert cfg.control._target_.startswith("taxoeval.encoders")


@pytest.mark.parametrize("decoding", sorted(f.stem for f in FILES if f.parent.name == "decoding"))
def test_every_decoding_can_be_built(decoding):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = compose("config", [f"decoding={decoding}"])
    built = _build("decoding", cfg.decoding)
    assert isinstance(built, Decoding)
    assert rule_name(built.rules[0]) == "leaf_argmax"
    fitted = [rule for rule in built.rules if hasattr(rule, "fit")]
    assert bool(fitted) == (built.calibration_share > 0)


def test_the_default_decoding_is_that_of_the_library_and_all_has_every_rule():
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        default = _build("decoding", compose("config").decoding)
        every = _build("decoding", compose("config", ["decoding=all"]).decoding)
    assert default == Decoding()
    names = {rule_name(rule) for rule in every.rules}
    for exported in decoders.__all__:  # what can be called on probabilities, candidates and a taxonomy, or fitted to be
        rule = getattr(decoders, exported)
        if exported.islower() and "taxonomy" in inspect.signature(rule).parameters and exported not in HELPERS:
            assert exported in names
        elif inspect.isclass(rule) and ("fit" in vars(rule) or "__call__" in vars(rule)) and not is_protocol(rule):
            assert any(type(one) is rule for one in every.rules), exported


def test_a_rule_can_be_left_out_or_set_from_the_command_line():
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        arguments = ["~decoding.decoders.crm", "decoding.decoders.threshold.tau=0.9", "decoding.calibration_share=0.2"]
        cfg = compose("config", arguments)
    built = _build("decoding", cfg.decoding)
    assert [rule_name(rule) for rule in built.rules] == ["leaf_argmax", "rank_sum", "top_down", "threshold_0.9"]
    assert built.calibration_share == 0.2


@pytest.mark.parametrize("experiment", sorted(f.stem for f in (config_folder() / "experiment").glob("*.yaml")))
def test_every_experiment_composes(experiment):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        compose("config", [f"experiment={experiment}"])


def test_a_key_that_is_no_argument_is_refused_with_the_nearest():
    node = OmegaConf.create({"_target_": "taxoeval.tasks.knn.Knn", "temprature": 0.1})
    with pytest.raises(
        TaxoevalError, match=r"task\.knn\.temprature is no setting; did you mean task\.knn\.temperature\?"
    ):
        _check_call("task.knn", node)


def test_a_target_that_does_not_exist_is_named():
    with pytest.raises(TaxoevalError, match=r"encoder\._target_='taxoeval.nothing' cannot be imported"):
        _check_call("encoder", OmegaConf.create({"_target_": "taxoeval.nothing"}))


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("encoder=bioclip_2", "there is no encoder=bioclip_2; did you mean encoder=bioclip2?"),
        ("dataset.lables=x.csv", "dataset.lables is no setting"),
        ("task=[knn,zeroshot]", "there is no task=zeroshot; did you mean task=zero_shot?"),
        ("runtime.batchsize=3", "runtime.batchsize is no setting; did you mean runtime.batch_size?"),
        ("decoding=hedgin", "there is no decoding=hedgin; did you mean decoding=hedging?"),
        ("decoding.calibration=0.3", "decoding.calibration is no setting; did you mean decoding.calibration_share?"),
        ("task.knn.kk=3", "task.knn.kk is no setting; did you mean task.knn.k?"),
    ],
)
def test_hints(typed, hint):
    assert any(line.startswith(f"taxoeval: {hint}") for line in _hints([typed])), list(_hints([typed]))


def test_hints_know_the_users_own_configurations(tmp_path):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "my_moth_net.yaml").write_text("# mine\n")
    (line,) = _hints(["--config-dir", str(tmp_path), "encoder=my_moth_nett"])
    assert "did you mean encoder=my_moth_net?" in line


def test_import_and_help_stay_light():
    """Neither the metrics nor the help of the command line may load a deep-learning library."""
    heavy = [
        "torch",
        "open_clip",
        "timm",
        "pytorch_lightning",
        "transformers",
        "wandb",
        "pyarrow",
        "sklearn",
        "skbio",
        "ete3",
        "pandas",
    ]
    root = Path(__file__).resolve().parents[1]
    code = f"import sys, taxoeval, taxoeval.metrics, taxoeval.decoding; print(sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
    code = (
        "import atexit, sys; sys.argv = ['taxoeval', '--help']\n"
        "from taxoeval.__main__ import main\n"
        f"atexit.register(lambda: print(sorted(set({heavy}) & set(sys.modules))))\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "bioclip2" in done.stdout


def test_this_import_test_can_fail():
    code = "import sys, torch; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def preset(experiment, *overrides):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("config", [f"experiment={experiment}", *overrides], return_hydra_config=True)


def test_every_experiment_says_its_command():
    for file in (config_folder() / "experiment").glob("*.yaml"):
        head = file.read_text(encoding="utf-8").split("\ndefaults:")[0]
        assert head.startswith("# @package _global_\n# ")
        assert f"experiment={file.stem}" in head


def test_model_selection_sweeps_encoders_that_exist():
    cfg = preset("model_selection")
    encoders = cfg.hydra.sweeper.params.encoder.split(",")
    assert {"clip_vit_b16", "siglip_vit_b16", "dinov2_vitb14", "mobilenetv3"} < set(encoders)
    assert set(encoders) <= {file.stem for file in FILES if file.parent.name == "encoder"}


def test_the_published_protocol():
    cfg = preset("bioclip2_protocol", "dataset.labels=x.csv")
    assert (cfg.prompts.text_type, cfg.prompts.templates) == ("taxon_com", "openai81")
    assert cfg.task.zero_shot.candidates is None  # the labels that occur
    few_shot = cfg.task.few_shot
    assert (list(few_shot.shots), few_shot.folds, few_shot.shuffle) == ([1, 5], 5, "in_place")
    assert cfg.dataset.labels == "x.csv"
    assert "bioclip-2" in cfg.encoder.model


def test_better_mistakes_has_every_rule_and_latent_structure_an_untrained_control():
    cfg = preset("better_mistakes")
    assert cfg.decoding.calibration_share > 0
    assert len(cfg.decoding.decoders) > 10
    assert cfg.task.knn.k > 1
    cfg = preset("latent_structure")
    assert list(cfg.task) == ["structure"]
    assert cfg.control._target_.endswith("random_network")
