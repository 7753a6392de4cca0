import json
import re

import pytest

from configs.errors import UserError
from configs.load import dump_config, load_config
from detector.summary import main


@pytest.mark.keras
def test_the_totals_of_a_detector_are_printed(capsys):
    assert main(["coco_300", "--classes", "20"]) == 0
    text = capsys.readouterr().out
    assert "3,355,833" in text
    assert "645,249,776" in text
    assert "anchors: 1,917" in text


@pytest.mark.keras
def test_the_parts_of_ssdlite_plus_are_told(tmp_path, capsys):
    (tmp_path / "plus.yaml").write_text("base: coco_300\nmodel: {head: ssdlite_plus}\n")
    assert main([str(tmp_path / "plus.yaml"), "--classes", "20"]) == 0
    text = capsys.readouterr().out
    assert "taps: block_6_expand_relu, block_13_expand_relu, out_relu" in text
    assert "feature maps: 38x38, 19x19, 10x10, 5x5, 3x3" in text
    assert "anchors: 1,939 (1, 1, 1, 1, 1 per cell)" in text
    parts = re.findall(r"^(\w+) +[\d,]+ +[\d,]+$", text, re.MULTILINE)
    assert parts == ["backbone", "extras", "neck", "heads", "total"]


@pytest.mark.keras
def test_a_configuration_of_a_classifier_is_one(capsys):
    main(["cifar10"])
    text = capsys.readouterr().out
    assert "input 64x64" in text
    assert "anchors" not in text
    assert (
        "3,217,226" in text
    )  # 3,206,976 of the backbone without its norms' statistics, and 10,250


# Of a run: every section is there, as `dump_config` writes it.
OF_A_RUN = dump_config(load_config("shapes"))
BOTH = "model: {input_size: 96}\nclassifier: {resolution: 32}\n"


@pytest.mark.keras
@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(OF_A_RUN, "anchors: ", id="config.yaml of a run"),
        pytest.param(OF_A_RUN.replace("kind: detector\n", ""), "anchors: ", id="of an older run"),
        pytest.param("kind: classifier\n", "input 64x64", id="a classifier's recipe"),
        pytest.param("classifier: {resolution: 32}\n", "input 32x32", id="an older one"),
        pytest.param("base: cifar10\nseed: 1\n", "input 64x64", id="based on one"),
        pytest.param(f"kind: detector\n{BOTH}", "input 96x96", id="both, of a detector"),
        pytest.param(f"kind: classifier\n{BOTH}", "input 32x32", id="both, of a classifier"),
        pytest.param(BOTH, "input 96x96", id="both, and it does not say"),
    ],
)
def test_a_configuration_says_what_it_describes(tmp_path, capsys, text, says):
    (tmp_path / "config.yaml").write_text(text)
    assert main([str(tmp_path / "config.yaml")]) == 0
    printed = capsys.readouterr().out
    assert says in printed
    assert ("anchors: " in printed) == (says in ("anchors: ", "input 96x96"))


@pytest.mark.keras
def test_a_classifiers_input_may_be_smaller_than_any_detectors(capsys):
    assert main(["cifar10", "--resolution", "32", "--width", "0.25"]) == 0
    assert "input 32x32" in capsys.readouterr().out


@pytest.mark.keras
def test_layers_and_ratios_are_listed_on_request(capsys):
    main(["mobilenet_v1", "--width", "0.25", "--resolution", "32", "--classes", "10", "--layers"])
    text = capsys.readouterr().out
    assert "conv_pw_13" in text
    assert "1/N + 1/k^2" in text


@pytest.mark.keras
def test_json_holds_every_layer(tmp_path, capsys):
    main(["coco_300", "--width", "0.35", "--json", str(tmp_path / "cost.json")])
    written = json.loads((tmp_path / "cost.json").read_text())
    assert {"layers", "separable", "model"} == set(written)
    assert written["layers"][0]["name"] == "Conv1"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"unknown network 'coco_299'.*coco_300"):
        main(["coco_299"])


@pytest.mark.parametrize("option", ["--width", "--classes", "--resolution"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "100000000"])
def test_numbers_out_of_range_are_refused(option, value, capsys):
    with pytest.raises(SystemExit) as end:
        main(["mobilenet_v2", option, value])
    assert end.value.code == 2
