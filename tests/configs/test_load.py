import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import load
from configs.errors import UserError
from configs.load import config_names, dump_config, load_config
from configs.schema import AnchorConfig, AugmentConfig, Config, LoaderConfig, ModelConfig


@pytest.fixture
def load_text(tmp_path):
    """Loads a configuration from the text of its file."""

    def load(text: str, *overrides: str) -> Config:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, overrides)

    return load


def test_the_shipped_configurations_are_listed():
    assert config_names() == [
        *("cifar10", "coco_300", "coco_320", "finetune", "shapes", "v1_coco", "voc_300")
    ]


@pytest.mark.parametrize("name", config_names())
def test_each_shipped_configuration_loads_by_name(name):
    assert load_config(name).model.input_size in (256, 300, 320, 416)


def test_shipped_configurations_say_what_their_names_say():
    assert load_config("coco_320").model.input_size == 320
    assert load_config("v1_coco").model.backbone == "mobilenet_v1"


def test_a_base_is_changed_where_a_file_says_so(load_text):
    config = load_text("base: v1_coco\nmodel:\n  input_size: 300\ntrain:\n  epochs: 2\n")
    assert config.model.input_size == 300
    assert config.model.backbone == "mobilenet_v1"  # of v1_coco
    assert config.train.epochs == 2
    assert config.train.optimizer == "sgd"  # of coco_300, the base of the base


def test_a_base_that_is_not_there_is_refused(load_text):
    with pytest.raises(UserError, match=r"base: 'coco' is no configuration"):
        load_text("base: coco\n")


def test_the_kind_is_that_of_the_base(load_text):
    assert load_text("base: cifar10\n").kind == "classifier"
    assert load_text("base: coco_300\nclassifier: {epochs: 2}\n").kind == "detector"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("classifier: {epochs: 2}\nseed: 1\n", "classifier"),
        ("classifier: {epochs: 2}\ntrain: {epochs: 2}\n", "detector"),
        ("seed: 1\n", "detector"),
    ],
)
def test_a_file_from_before_kinds_is_of_what_alone_it_describes(load_text, text, kind):
    assert load_text(text).kind == kind
    assert load_text(text, "model.input_size=300").kind == kind


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "{}"])
def test_an_empty_file_means_the_defaults(load_text, text):
    assert load_text(text) == Config()


def test_a_file_sets_what_it_names_and_leaves_the_rest(load_text):
    config = load_text("model:\n  anchors:\n    min_scale: 0.1\n")
    assert config == Config(model=ModelConfig(anchors=AnchorConfig(min_scale=0.1)))


def test_overrides_are_applied_last_and_in_order(load_text):
    config = load_text("model: {input_size: 300}", "model.input_size=320", "model.input_size=512")
    assert config.model.input_size == 512


def test_an_override_reaches_a_section_that_the_file_leaves_out(load_text):
    config = load_text("", "model.anchors.aspect_ratios=[1, 2.5]")
    assert config.model.anchors.aspect_ratios == (1.0, 2.5)


@pytest.mark.parametrize("value", ["1e-3", "1.0e-3", "0.001"])
def test_an_exponent_without_a_dot_is_a_number(load_text, value):
    # YAML 1.1 reads 1e-3 as text.
    config = load_text(f"model: {{anchors: {{min_scale: {value}}}}}")
    assert config.model.anchors.min_scale == 0.001
    assert load_text("", f"model.anchors.min_scale={value}") == config


def test_of_settings_that_do_not_go_together_no_others_are_shown(load_text):
    with pytest.raises(UserError, match=r"varifocal needs model\.score_activation sigmoid$"):
        load_text("model: {head: ssdlite_plus, score_activation: softmax}")


def test_a_frozen_configuration_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config().model.input_size = 320  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("modle: {}", "modle: unknown key; did you mean 'model'?", id="top level"),
        pytest.param(
            "model: {anchors: {min_scal: 0.1}}",
            "model.anchors.min_scal: unknown key; did you mean 'min_scale'?",
            id="nested",
        ),
        pytest.param("model: {qqq: 1}", "model.qqq: unknown key", id="nothing near"),
        pytest.param("1: 2", "1: Keys should be strings", id="key is a number"),
        pytest.param("model: 3", "model: Input should be a valid dictionary", id="not a section"),
        pytest.param("model: {input_size: wide}", "model.input_size: Input should be", id="type"),
        pytest.param("model: {input_size: 300.5}", "model.input_size: Input should be", id="part"),
        pytest.param("model: {input_size: 32}", "greater than or equal to 96, got 32", id="range"),
        pytest.param("model: {backbone: vgg}", "'mobilenet_v2', got 'vgg'", id="choice"),
        pytest.param("model: {width_multiplier: .nan}", "finite number, got nan", id="NaN"),
        pytest.param("model: {width_multiplier: .inf}", "finite number, got inf", id="infinite"),
        pytest.param(
            "model: {anchors: {aspect_ratios: [1, .nan]}}", "aspect_ratios.1", id="NaN in a list"
        ),
        pytest.param(
            "model: {anchors: {min_scale: 0.96}}",
            "model.anchors: min_scale 0.96 must be below max_scale 0.95",
            id="two fields at odds",
        ),
        pytest.param("model: {anchors: {aspect_ratios: [0]}}", "must be positive", id="ratio of 0"),
        pytest.param("augment: {hue: 0.6}", "less than or equal to 0.5, got 0.6", id="hue"),
        pytest.param(
            "augment: {crop_min_ious: [0.5, 1.5]}", "must lie between 0 and 1", id="IoU above 1"
        ),
        pytest.param("augment: {flip_propability: 1}", "'flip_probability'?", id="augmentation"),
        pytest.param("loader: {cache: ram}", "'memory' or 'disk', got 'ram'", id="cache"),
        pytest.param("loader: {workers: 0}", "greater than or equal to 1, got 0", id="no workers"),
        pytest.param("model: {head: fpn}", "'ssdlite_plus', got 'fpn'", id="head"),
        pytest.param(
            "loss: {matcher: atss, classification: focal}",
            "loss.classification focal does not go with the matcher atss; it takes quality_focal",
            id="a loss without qualities",
        ),
        pytest.param(
            "loss: {classification: varifocal}",
            "does not go with the matcher iou; it takes hard_negatives or focal",
            id="a loss of qualities without any",
        ),
        pytest.param(
            "model: {head: ssdlite_plus, score_activation: softmax}",
            "varifocal needs model.score_activation sigmoid",
            id="qualities of softmax",
        ),
        pytest.param("seed: -1", "greater than or equal to 0, got -1", id="negative seed"),
        pytest.param("seed: 4294967296", "less than 4294967296", id="seed above 32 bits"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_place(load_text, text, says):
    with pytest.raises(UserError) as caught:
        load_text(text)
    message = str(caught.value)
    assert message.startswith("mine.yaml: ") and says in message and "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("model: [1", id="unclosed"),
        pytest.param("a: b: c", id="two colons"),
        pytest.param("model: {input_size: 2001-99-99}", id="impossible date"),
        pytest.param("{[1]: 2}", id="a list as key"),
        pytest.param("model: !!python/name:os.system", id="code"),
    ],
)
def test_what_is_not_yaml_is_refused_in_one_line(load_text, text):
    with pytest.raises(UserError, match=r"^cannot read configuration .*mine\.yaml: .+") as caught:
        load_text(text)
    assert "\n" not in str(caught.value)


def test_what_is_not_text_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"mine\.yaml: 'utf-8' codec"):
        load_config(path)


@pytest.mark.parametrize("text", ["- model", "model", "3", "[]", "0", "false"])
def test_yaml_that_is_no_mapping_is_refused(load_text, text):
    with pytest.raises(UserError, match="expected a mapping of sections"):
        load_text(text)


@pytest.mark.parametrize("source", ["coco_3000", "", "/no/such.yaml", "."])
def test_an_unknown_name_lists_the_known_ones(source):
    with pytest.raises(UserError, match=r"no configuration .*'coco_300'"):
        load_config(source)


def test_a_name_that_the_file_system_refuses_is_the_users_to_fix():
    with pytest.raises(UserError, match=r"cannot read configuration x+: File name too long"):
        load_config("x" * 300)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        pytest.param("model.input_size", "not of the form section.key=value", id="no value"),
        pytest.param("model.input_size.px=3", "'input_size' is a value, not a section", id="deep"),
        pytest.param("model.anchors.min_scale.x=3", "min_scale: Input should be", id="unset, deep"),
        pytest.param("model=3", "model: Input should be a valid dictionary", id="section"),
        pytest.param("model.input_size=[1", "'[1' is not a YAML value", id="not YAML"),
        pytest.param("model.input_size=2001-99-99", "is not a YAML value", id="impossible date"),
        pytest.param("model.input_sise=300", "did you mean 'input_size'?", id="unknown key"),
        pytest.param("=3", "unknown key", id="no key"),
    ],
)
def test_a_wrong_override_is_named(load_text, override, says):
    with pytest.raises(UserError) as caught:
        load_text("model: {input_size: 300}", override)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@st.composite
def configs(draw):
    """Valid configurations, far from the defaults."""
    low, high = sorted(draw(st.lists(st.floats(1e-6, 0.99), min_size=2, max_size=2, unique=True)))
    ratios = draw(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6))
    return Config(
        model=ModelConfig(
            backbone=draw(st.sampled_from(["mobilenet_v1", "mobilenet_v2"])),
            width_multiplier=draw(st.floats(0, 4, exclude_min=True)),
            input_size=draw(st.integers(96, 2048)),
            anchors=AnchorConfig(min_scale=low, max_scale=high, aspect_ratios=tuple(ratios)),
            score_activation=draw(st.sampled_from(["sigmoid", "softmax"])),
        ),
        augment=AugmentConfig(
            expand_max_ratio=draw(st.floats(1, 10)),
            crop_min_ious=tuple(draw(st.lists(st.floats(0, 1), max_size=6))),
        ),
        loader=LoaderConfig(
            workers=draw(st.none() | st.integers(1, 256)),
            cache=draw(st.sampled_from(["none", "memory", "disk"])),
        ),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@given(configs())
def test_what_is_dumped_loads_equal(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("run") / "config.yaml"
    path.write_text(dump_config(config), encoding="utf-8")
    assert load_config(path) == config


def test_a_dump_names_every_default():
    text = dump_config(Config())
    assert "min_scale: 0.2" in text and "score_activation: sigmoid" in text


@pytest.mark.parametrize("name", config_names())
def test_a_recipe_begins_with_its_command_and_what_was_measured(name):
    lines = (Path(load.__file__).parent / f"{name}.yaml").read_text().splitlines()
    header = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
    assert "  python -m training." in header
    measured = all(word in header for word in ("Measured on", " minutes", " AP "))
    assert measured or "not measured" in header


@pytest.mark.parametrize(
    ("head", "text", "expected"),
    [
        ("ssdlite", "", ("iou", "hard_negatives", "smooth_l1")),
        ("ssdlite_plus", "", ("task_aligned", "varifocal", "ciou")),
        ("ssdlite", "matcher: atss", ("atss", "varifocal", "ciou")),
        ("ssdlite_plus", "matcher: iou", ("iou", "hard_negatives", "smooth_l1")),
        (
            "ssdlite_plus",
            "classification: quality_focal",
            ("task_aligned", "quality_focal", "ciou"),
        ),
    ],
)
def test_auto_is_what_goes_with_head_and_matcher(load_text, head, text, expected):
    losses = load_text(f"model: {{head: {head}}}\nloss: {{{text}}}").losses
    assert (losses.matcher, losses.classification, losses.box) == expected


def test_the_official_head_is_left_out_of_files_for_programs_that_know_no_such_key():
    assert "head" not in Config().model.model_dump()
    assert "head: ssdlite_plus" in dump_config(Config(model=ModelConfig(head="ssdlite_plus")))
