import io
import warnings
import zipfile
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import Model
from flatbuffers import encode
from flatbuffers.number_types import Float32Flags, Int8Flags, UOffsetTFlags
from flatbuffers.table import Table

from configs.schema import PostprocessConfig
from detector import artefact
from detector.artefact import DetectorSpec
from detector.exporting.metadata import with_metadata
from detector.exporting.nms_tflite import complete, with_nms

AXIS_LABELS, VALUE_LABELS = 2, 3


class Reader:
    """A table of a flatbuffer; fields by the numbers of `metadata_schema.fbs`."""

    def __init__(self, buffer, position=None):
        root = encode.Get(UOffsetTFlags.packer_type, buffer, 0)
        self.table = Table(buffer, root if position is None else position)

    def _place(self, number):
        return self.table.Offset(4 + 2 * number)

    def text(self, number):
        place = self._place(number)
        return self.table.String(self.table.Pos + place).decode() if place else None

    def byte(self, number):
        return self.table.GetSlot(4 + 2 * number, 0, Int8Flags)

    def numbers(self, number):
        return self.table.GetVectorAsNumpy(Float32Flags, self._place(number)).tolist()

    def inner(self, number):
        return Reader(self.table.Bytes, self.table.Indirect(self.table.Pos + self._place(number)))

    def list(self, number):
        place = self._place(number)
        first = self.table.Vector(place) if place else 0
        places = [first + 4 * i for i in range(self.table.VectorLen(place) if place else 0)]
        return [Reader(self.table.Bytes, self.table.Indirect(place)) for place in places]


def entries(content):
    """The model's metadata by name."""
    model: Any = Model.GetRootAs(content, 0)
    found = [model.Metadata(i) for i in range(model.MetadataLength())]
    return {one.Name(): model.Buffers(one.Buffer()).DataAsNumpy().tobytes() for one in found}


def graph_of(content):
    (graph,) = Reader(entries(content)[b"TFLITE_METADATA"]).list(3)
    return graph


def opened(content):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter


def label_file(content):
    return zipfile.ZipFile(io.BytesIO(content)).read("labelmap.txt").decode()


@pytest.fixture(scope="module")
def spec(exported) -> DetectorSpec:
    update = {"licence": "Apache-2.0", "postprocess": PostprocessConfig(max_detections=30)}
    return artefact.read_spec(exported).model_copy(update=update)


@pytest.fixture(scope="module")
def raw():
    """A function with the raw outputs of `spec`, whatever the image shows."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    deltas, logits = (random.normal(size=(1, 204, channels)).astype("f") for channels in (4, 3))

    def outputs(image):
        zero = tf.reduce_sum(tf.cast(image, tf.float32)) * 0
        return {"class_logits": zero + logits, "box_deltas": zero + deltas}

    signature = [tf.TensorSpec((1, 96, 96, 3), tf.uint8, name="image")]
    return tf.function(outputs, input_signature=signature, autograph=False)


def convert(function):
    import tensorflow as tf

    graphs = [function.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(graphs, tf.Module())
    converter.allow_custom_ops = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter, about itself
        return converter.convert()


@pytest.fixture(scope="module")
def raw_model(raw):
    return convert(raw)


@pytest.fixture(scope="module")
def nms_model(raw, spec):
    return complete(convert(with_nms(raw, spec)), spec)


@pytest.fixture(scope="module", params=["raw_model", "nms_model"])
def pair(request, spec):
    """A model without metadata and with it."""
    model = request.getfixturevalue(request.param)
    return model, with_metadata(model, spec)


def test_the_model_runs_as_before(pair):
    before, after = map(opened, pair)
    for one in (before, after):
        one.set_tensor(one.get_input_details()[0]["index"], np.zeros((1, 96, 96, 3), np.uint8))
        one.invoke()
    outputs = list(zip(before.get_output_details(), after.get_output_details(), strict=True))
    for old, new in outputs:
        assert old["name"] == new["name"]
        np.testing.assert_array_equal(
            before.get_tensor(old["index"]), after.get_tensor(new["index"])
        )


def test_what_the_converter_wrote_is_kept(pair):
    before, after = map(entries, pair)
    assert after.keys() - before.keys() == {b"TFLITE_METADATA"}
    assert {name: after[name] for name in before} == before


def test_the_model_is_an_archive_of_uncompressed_files(pair, spec):
    archive = zipfile.ZipFile(io.BytesIO(pair[1]))
    assert archive.testzip() is None
    assert archive.namelist() == ["labelmap.txt", "detector.json"]
    assert all(file.compress_type == zipfile.ZIP_STORED for file in archive.infolist())
    inside = DetectorSpec.model_validate_json(archive.read("detector.json"))
    assert inside == spec.model_copy(update={"digests": {}})  # which are of the files around it


def test_the_model_is_described(pair, spec):
    packed = entries(pair[1])[b"TFLITE_METADATA"]
    assert packed[4:8] == b"M001"
    metadata = Reader(packed)
    assert metadata.text(0) == "tiny"
    assert "2 classes" in str(metadata.text(1))
    assert metadata.text(2) == spec.versions["ssdlite"]
    assert metadata.text(5) == "Apache-2.0"
    assert [file.text(0) for file in metadata.list(6)] == ["detector.json"]


def test_a_licence_that_is_unknown_is_not_named(raw_model, spec):
    model = with_metadata(raw_model, spec.model_copy(update={"licence": None}))
    assert Reader(entries(model)[b"TFLITE_METADATA"]).text(5) is None


def test_the_input_takes_raw_pixels(pair):
    (image,) = graph_of(pair[1]).list(2)
    assert image.text(0) == "image"
    content = image.inner(3)
    assert content.byte(0) == 2  # ImageProperties
    assert content.inner(1).byte(0) == 1  # RGB
    (unit,) = image.list(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    mean_and_std = unit.inner(1)
    assert (mean_and_std.numbers(0), mean_and_std.numbers(1)) == ([0], [1])
    stats = image.inner(5)
    assert (stats.numbers(0), stats.numbers(1)) == ([255], [0])


def test_outputs_are_described_in_the_order_of_the_model(raw_model, nms_model, spec):
    shapes = {}
    for model in (raw_model, nms_model):
        described = graph_of(with_metadata(model, spec)).list(3)
        details = opened(model).get_output_details()
        names = [output.text(0) for output in described]
        shapes |= dict(zip(names, (tuple(one["shape"]) for one in details), strict=True))
    assert shapes == {
        "box_deltas": (1, 204, 4),
        "class_logits": (1, 204, 3),
        "location": (1, 30, 4),
        "category": (1, 30),
        "score": (1, 30),
        "number of detections": (1,),
    }


def labelled(content):
    """The outputs with a label file, and its kind."""
    return {
        output.text(0): file.byte(2)
        for output in graph_of(content).list(3)
        for file in output.list(6)
        if file.text(0) == "labelmap.txt"
    }


def test_labels_of_the_raw_outputs_begin_with_the_background(raw_model, spec):
    model = with_metadata(raw_model, spec)
    assert labelled(model) == {"class_logits": AXIS_LABELS}
    assert label_file(model) == "background\na\nb\n"  # one for each of the three channels


def test_labels_of_detections_know_no_background(nms_model, spec):
    model = with_metadata(nms_model, spec)
    assert labelled(model) == {"category": VALUE_LABELS}
    assert label_file(model) == "a\nb\n"


def test_a_name_of_two_lines_is_one_label(nms_model, spec):
    broken = spec.model_copy(update={"class_names": ("traffic\nlight", "")})
    assert label_file(with_metadata(nms_model, broken)) == "traffic light\nunnamed\n"


def test_boxes_are_corners_in_fractions(nms_model, spec):
    location = graph_of(with_metadata(nms_model, spec)).list(3)[0]
    content = location.inner(3)
    assert content.byte(0) == 3  # BoundingBoxProperties
    corners = content.inner(1)
    assert (corners.byte(1), corners.byte(2)) == (1, 0)  # BOUNDARIES, RATIO


def test_the_same_model_gives_the_same_bytes(raw_model, spec):
    assert with_metadata(raw_model, spec) == with_metadata(raw_model, spec)
