"""TFLite's standard metadata, the label file and `detector.json` inside a `.tflite`.

Sources: tflite-support `metadata/metadata_schema.fbs` (tables, field numbers, enumerations),
`metadata/python/metadata.py` (where metadata and files stand in a model) and
`metadata_writers/object_detector.py` (names that the Task Library and MediaPipe look for);
MediaPipe `detection_postprocessing_graph.cc` (label files) and `zip_utils.cc` (uncompressed).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from detector.artefact import DESCRIPTION
from detector.exporting.nms_tflite import OUTPUTS, postprocess_op

if TYPE_CHECKING:
    from detector.artefact import DetectorSpec

LABELS = "labelmap.txt"
"""The label file's name inside the model."""
_ENTRY = "TFLITE_METADATA"
_IDENTIFIER = b"M001"

# The schema's tables with their fields in the order of their numbers. A union is two fields.
_TABLES = {
    "ModelMetadata": "name description version subgraph_metadata author license associated_files "
    "min_parser_version",
    "SubGraphMetadata": "name description input_tensor_metadata output_tensor_metadata "
    "associated_files input_process_units output_process_units input_tensor_groups "
    "output_tensor_groups",
    "TensorGroup": "name tensor_names",
    "TensorMetadata": "name description dimension_names content process_units stats "
    "associated_files",
    "Content": "content_properties_type content_properties range",
    "FeatureProperties": "",
    "ImageProperties": "color_space default_size",
    "BoundingBoxProperties": "index type coordinate_type",
    "ValueRange": "min max",
    "ProcessUnit": "options_type options",
    "NormalizationOptions": "mean std",
    "Stats": "max min",
    "AssociatedFile": "name description type locale",
}
_CONTENTS = ("FeatureProperties", "ImageProperties", "BoundingBoxProperties")  # a union, from 1
_NORMALIZATION = np.uint8(1)  # in the union ProcessUnitOptions
_DESCRIPTIONS, _AXIS_LABELS, _VALUE_LABELS = (np.int8(kind) for kind in (1, 2, 3))  # of files
_RGB = np.int8(1)  # ColorSpaceType
_BOUNDARIES = np.int8(1)  # BoundingBoxType; CoordinateType is RATIO by default
_LEFT_TOP_RIGHT_BOTTOM = np.array([1, 0, 3, 2], np.uint32)  # where they stand in the op's boxes

Table = dict[int, Any]
"""Values by field number: texts, typed NumPy numbers, arrays, tables, lists of these."""


def with_metadata(model: bytes, spec: DetectorSpec) -> bytes:
    """Put metadata, a label file and `detector.json` into a model.

    The raw logits get axis labels, the first of them the background's; the classes of
    `detector.exporting.nms_tflite` get value labels, which know no background.

    Args:
        model: a `.tflite` without metadata that takes raw pixels, with post-processing inside,
            or with the raw outputs and one signature that names them.
        spec: describes the detector.

    Returns:
        the `.tflite`, which is a zip archive of the two files too.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    content: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    names = _output_names(content)
    packed = _pack(_model_metadata(spec, names))
    content.buffers.append(schema.BufferT(data=np.frombuffer(packed, np.uint8)))
    entry = schema.MetadataT(name=_ENTRY, buffer=len(content.buffers) - 1)
    content.metadata = [*(content.metadata or []), entry]
    files = {
        LABELS: _label_file(spec, with_background="class_logits" in names),
        DESCRIPTION: spec.model_copy(update={"digests": {}}).model_dump_json(indent=1),
    }
    return _with_files(bytes(flatbuffer_utils.convert_object_to_bytearray(content)), files)


def _output_names(content: Any) -> list[str]:
    """What each output is, in the model's order."""
    op = postprocess_op(content)
    if op is None:
        (signature,) = content.signatureDefs
        names = {output.tensorIndex: output.name.decode() for output in signature.outputs}
    else:
        names = dict(zip(op.outputs, OUTPUTS, strict=True))
    return [names[tensor] for tensor in content.subgraphs[0].outputs]


def _label_file(spec: DetectorSpec, with_background: bool) -> str:
    # One line each, whatever the name: an empty one or one of two lines would shift the rest.
    names = [" ".join(name.split()) or "unnamed" for name in spec.class_names]
    return "".join(f"{name}\n" for name in ["background"] * with_background + names)


def _with_files(model: bytes, files: Mapping[str, str]) -> bytes:
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a") as archive:
        for name, text in files.items():
            # A ZipInfo is stored uncompressed, as readers want it, and dated 1980: the same
            # model gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), text.encode())
    return stream.getvalue()


def _model_metadata(spec: DetectorSpec, outputs: list[str]) -> Table:
    size = spec.model.input_size
    source = f" Source: {spec.source}" if spec.source else ""
    head = {"ssdlite": "SSDLite", "ssdlite_plus": "SSDLite plus"}[spec.model.head]
    return _table(
        "ModelMetadata",
        name=spec.name,
        description=f"Finds objects of {len(spec.class_names)} classes in an image: {head} on "
        f"{spec.model.backbone}, {size} x {size} px.{source}",
        version=spec.versions.get("ssdlite"),
        subgraph_metadata=[_graph_metadata(spec, outputs)],
        license=spec.licence,
        associated_files=[_file(DESCRIPTION, "All that is known of the model.", _DESCRIPTIONS)],
        min_parser_version="1.2.0" if OUTPUTS[0] in outputs else "1.0.0",  # 1.2.0: tensor groups
    )


def _graph_metadata(spec: DetectorSpec, outputs: list[str]) -> Table:
    known = _outputs(spec)
    object_parts = ["location", "category", "score"]
    group = _table("TensorGroup", name="detection_result", tensor_names=object_parts)
    return _table(
        "SubGraphMetadata",
        input_tensor_metadata=[_image()],
        output_tensor_metadata=[known[name] for name in outputs],
        output_tensor_groups=[group] if OUTPUTS[0] in outputs else None,
    )


def _image() -> Table:
    """The input, which the graph normalises itself."""
    zero, one, most = (np.full(1, value, np.float32) for value in (0, 1, 255))
    normalization = _table("NormalizationOptions", mean=zero, std=one)
    return _table(
        "TensorMetadata",
        name="image",
        description="The image, RGB, 0 ... 255, stretched to the size of the tensor.",
        content=_content("ImageProperties", color_space=_RGB),
        process_units=[_table("ProcessUnit", options_type=_NORMALIZATION, options=normalization)],
        stats=_table("Stats", max=most, min=zero),
    )


def _outputs(spec: DetectorSpec) -> dict[str, Table]:
    """What is said of each output that a model may have."""
    variances = ", ".join(map(str, spec.model.anchors.variances))
    activation = spec.model.score_activation
    features = _content("FeatureProperties")
    with_background = _file(LABELS, "The background and the classes.", _AXIS_LABELS)
    labels = _file(LABELS, "The classes.", _VALUE_LABELS)
    each = _table("ValueRange", min=np.int32(2), max=np.int32(2))  # the dimension of one object
    each_feature = _content("FeatureProperties", each)
    corners = {"index": _LEFT_TOP_RIGHT_BOTTOM, "type": _BOUNDARIES}
    each_box = _content("BoundingBoxProperties", each, **corners)
    deltas_are = f"dx, dy, dw, dh of each anchor, divided by the variances {variances}."
    logits_are = f"Of each anchor and class; scores are their {activation}."
    boxes_are = "ymin, xmin, ymax, xmax of each object in fractions of the image, not clipped."
    descriptions = (
        _tensor("box_deltas", deltas_are, features),
        _tensor("class_logits", logits_are, features, [with_background]),
        # By their names the Task Library and MediaPipe tell these apart.
        _tensor("location", boxes_are, each_box),
        _tensor("category", "The label of each object.", each_feature, [labels]),
        _tensor("score", "The score of each object.", each_feature),
        _tensor("number of detections", "How many objects there are.", features),
    )
    return dict(zip(("box_deltas", "class_logits", *OUTPUTS), descriptions, strict=True))


def _tensor(name: str, description: str, content: Table, files: list[Table] | None = None) -> Table:
    return _table(
        "TensorMetadata",
        name=name,
        description=description,
        content=content,
        associated_files=files,
    )


def _content(kind: str, each: Table | None = None, **properties: Any) -> Table:
    return _table(
        "Content",
        content_properties_type=np.uint8(1 + _CONTENTS.index(kind)),
        content_properties=_table(kind, **properties),
        range=each,
    )


def _file(name: str, description: str, kind: np.int8) -> Table:
    return _table("AssociatedFile", name=name, description=description, type=kind)


def _table(kind: str, **fields: Any) -> Table:
    numbers = {name: number for number, name in enumerate(_TABLES[kind].split())}
    return {numbers[name]: value for name, value in fields.items() if value is not None}


def _pack(metadata: Table) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(_write(builder, metadata), _IDENTIFIER)
    return bytes(builder.Output())


def _write(builder: Any, value: str | np.ndarray | Table | list[Any]) -> int:
    """Write what tables refer to; where it stands."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    if isinstance(value, dict):
        return _write_table(builder, value)
    places = [_write(builder, one) for one in value]
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):  # a buffer grows from its end
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _write_table(builder: Any, table: Table) -> int:
    numbers = {field: value for field, value in table.items() if isinstance(value, np.generic)}
    # All that the table refers to comes first: no table may be begun inside another.
    places = {
        field: _write(builder, value) for field, value in table.items() if field not in numbers
    }
    builder.StartObject(max(table, default=-1) + 1)
    for field, number in numbers.items():
        prepend = getattr(builder, f"Prepend{number.dtype.name.capitalize()}Slot")
        prepend(field, int(number), 0)
    for field, place in places.items():
        builder.PrependUOffsetTRelativeSlot(field, place, 0)
    return builder.EndObject()
