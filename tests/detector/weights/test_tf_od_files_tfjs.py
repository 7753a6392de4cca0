import json
import shutil

import numpy as np
import pytest

from configs.errors import UserError
from detector.classes import COCO_CATEGORY_IDS
from detector.weights.tf_od_api import official_units
from detector.weights.tf_od_files import load_tfjs_graph

pytestmark = pytest.mark.keras

SHARD_BYTES = 4_194_304


def fold(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The checkpoint's variables as TensorFlow.js' converter leaves them."""
    folded = {}
    for unit in official_units():
        names = [name for name in variables if name.startswith(f"{unit.scope}/")]
        if unit.scope.startswith("BoxPredictor_"):
            folded |= {name: variables[name] for name in names}
            continue
        norm = f"{unit.scope}/BatchNorm"
        std = np.sqrt(variables[f"{norm}/moving_variance"] + 0.001)
        mul = variables[f"{norm}/gamma"] / std
        sub = variables[f"{norm}/beta"] - variables[f"{norm}/moving_mean"] * mul
        folded[f"{norm}/batchnorm/sub"] = sub
        if unit.is_depthwise:
            name = f"{unit.scope}/depthwise_weights"
            folded |= {name: variables[name], f"{norm}/batchnorm/mul": mul}
        else:
            folded[f"{unit.scope}/Conv2D/merged_input"] = variables[f"{unit.scope}/weights"] * mul
    # Constants of the pre- and post-processor, which the importer must pass by.
    folded["Postprocessor/ExpandDims"] = np.zeros((1, 1917, 4))
    folded["Preprocessor/mul/x"] = np.float32(2 / 255)
    folded = {name: np.asarray(value, np.float32) for name, value in folded.items()}
    folded["BoxPredictor_0/stack/3"] = np.int32(91)
    return folded


def write(folder, arrays) -> None:
    manifest = [
        {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        for name, array in arrays.items()
    ]
    data = b"".join(array.tobytes() for array in arrays.values())
    pieces = [data[start : start + SHARD_BYTES] for start in range(0, len(data), SHARD_BYTES)]
    names = [f"group1-shard{i}of{len(pieces)}" for i in range(1, len(pieces) + 1)]
    for name, piece in zip(names, pieces, strict=True):
        (folder / name).write_bytes(piece)
    graph = {"modelTopology": {}, "weightsManifest": [{"paths": names, "weights": manifest}]}
    (folder / "model.json").write_text(json.dumps(graph))


@pytest.fixture
def graph(tmp_path, checkpoint_variables):
    write(tmp_path, fold(checkpoint_variables))
    return tmp_path / "model.json"


def test_outputs_are_those_of_plain_tensorflow(graph, checkpoint_outputs, image):
    model, classes = load_tfjs_graph(graph)
    outputs = model(image, training=False)
    box_codes, class_logits = checkpoint_outputs
    assert classes.category_ids == COCO_CATEGORY_IDS
    np.testing.assert_allclose(
        np.asarray(outputs["box_deltas"])[..., [1, 0, 3, 2]], box_codes, atol=1e-3
    )
    kept = class_logits[..., [0, *COCO_CATEGORY_IDS]]
    np.testing.assert_allclose(outputs["class_logits"], kept, atol=1e-3)


def test_synthetic_names_and_shapes_are_those_of_the_official_file(test_data, checkpoint_variables):
    path = test_data / "weights/tfjs_partial/model.json"
    manifest = json.loads(path.read_text())["weightsManifest"][0]["weights"]
    official = {w["name"]: tuple(w["shape"]) for w in manifest if w["dtype"] == "float32"}
    scopes = ("FeatureExtractor/", "BoxPredictor_")
    ours = {name: array.shape for name, array in fold(checkpoint_variables).items()}
    assert {n: s for n, s in ours.items() if n.startswith(scopes) and s} == {
        n: s for n, s in official.items() if n.startswith(scopes)
    }


def test_the_real_last_shard_holds_what_the_20_class_archive_holds(test_data, tmp_path):
    """Zeros stand in for the four shards that are not here."""
    partial = test_data / "weights/tfjs_partial"
    for name in ("model.json", "group1-shard5of5"):
        shutil.copy(partial / name, tmp_path)
    for number in range(1, 5):
        (tmp_path / f"group1-shard{number}of5").write_bytes(bytes(SHARD_BYTES))
    model, classes = load_tfjs_graph(tmp_path / "model.json")
    archive = np.load(test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz")
    assert len(classes) == 80
    exact = 0
    # The shard begins within extra_1_project's kernel: later units lie in it whole.
    for unit in [
        u for u in official_units() if u.conv.startswith(("extra_2", "extra_3", "extra_4"))
    ]:
        kernel = model.get_layer(unit.conv).get_weights()[0]
        gamma, beta, mean, _ = model.get_layer(unit.norm).get_weights()
        folded = kernel * (gamma[:, None] if unit.is_depthwise else gamma)
        np.testing.assert_array_equal(beta, archive[f"{unit.scope}/bias"])
        np.testing.assert_array_equal(mean, 0)
        np.testing.assert_allclose(folded, archive[f"{unit.scope}/kernel"], rtol=1e-4, atol=1e-6)
        exact += 1
    assert exact == 9


def test_a_missing_shard_is_named(graph):
    (graph.parent / "group1-shard2of5").unlink()
    with pytest.raises(UserError, match=r"no such weights file: .*group1-shard2of5"):
        load_tfjs_graph(graph)


def test_a_truncated_shard_is_noticed(graph):
    last = graph.parent / "group1-shard5of5"
    last.write_bytes(last.read_bytes()[:-4])
    with pytest.raises(UserError, match="one is truncated"):
        load_tfjs_graph(graph)


def test_bytes_left_over_are_noticed(graph):
    last = graph.parent / "group1-shard5of5"
    last.write_bytes(last.read_bytes() + b"0000")
    with pytest.raises(UserError, match="the shards hold"):
        load_tfjs_graph(graph)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weightsManifest": 3}', "\x00\x01"])
def test_another_json_is_refused(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(UserError, match=r"not a TensorFlow\.js graph model"):
        load_tfjs_graph(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param("missing", "batchnorm/mul is missing", id="missing"),
        pytest.param("extra", "more_weights has no place", id="left over"),
        pytest.param("shape", r"batchnorm/mul has shape \(7,\)", id="shape"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused_by_name(
    tmp_path, checkpoint_variables, change, message
):
    arrays = fold(checkpoint_variables)
    name = "FeatureExtractor/MobilenetV2/expanded_conv_3/depthwise/BatchNorm/batchnorm/mul"
    if change == "missing":
        del arrays[name]
    elif change == "extra":
        arrays["FeatureExtractor/more_weights"] = np.zeros(3, np.float32)
    else:
        arrays[name] = np.zeros(7, np.float32)
    write(tmp_path, arrays)
    with pytest.raises(UserError, match=message):
        load_tfjs_graph(tmp_path / "model.json")
