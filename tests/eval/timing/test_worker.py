import numpy as np
import pytest

from configs.errors import UserError
from eval.timing.worker import Contender, Detector, Peer

PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def make_peer(tmp_path):
    """A peer in ONNX that gives its input back, and what it was given for an image."""

    def make(shape, dtype="UINT8"):
        import onnx
        from onnx import TensorProto, helper

        kind = getattr(TensorProto, dtype)
        ends = [helper.make_tensor_value_info(name, kind, shape) for name in ("image", "same")]
        node = helper.make_node("Identity", ["image"], ["same"])
        graph = helper.make_graph([node], "peer", ends[:1], ends[1:])
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        onnx.save(model, tmp_path / "peer.onnx")
        return Peer(Contender(str(tmp_path / "peer.onnx"), 1, is_peer=True))

    return make


def given(peer: Peer, image: np.ndarray) -> np.ndarray:
    """What the network of a peer is given."""
    return peer._graph(peer._prepare(image))[0].values


@pytest.mark.parametrize("batch", [1, "batch"])
@pytest.mark.parametrize(
    ("dtype", "shift"), [("UINT8", 0), ("FLOAT", 0), ("INT8", 128)], ids=["uint8", "float", "int8"]
)
def test_a_peer_gets_the_image_in_its_type(make_peer, batch, dtype, shift):
    peer = make_peer([batch, 48, 64, 3], dtype)
    np.testing.assert_array_equal(given(peer, PHOTO)[0].astype(int) + shift, PHOTO)
    assert peer.about.input_hw == (48, 64)


def test_a_peer_with_channels_first_gets_them_so(make_peer):
    peer = make_peer([1, 3, 48, 64], "FLOAT")
    np.testing.assert_array_equal(given(peer, PHOTO)[0].transpose(1, 2, 0), PHOTO)
    assert peer.about.input_hw == (48, 64)


def test_a_peer_gets_the_image_in_its_size(make_peer):
    peer = make_peer([1, 20, 30, 3])
    assert given(peer, PHOTO).shape == (1, 20, 30, 3)


def test_a_peer_is_timed_up_to_its_outputs(make_peer):
    peer = make_peer([1, 48, 64, 3])
    resize, run, decode, nms = peer(PHOTO)
    assert min(resize, run) > 0
    assert np.isnan([decode, nms]).all()
    assert (peer.about.name, peer.about.runtime, peer.about.outputs) == ("peer", "onnx", 1)


@pytest.mark.parametrize(
    ("shape", "dtype"), [([1, 48, 64, 1], "UINT8"), ([1, 10], "FLOAT")], ids=["grey", "no image"]
)
def test_a_peer_that_takes_no_colour_image_is_refused(make_peer, shape, dtype):
    with pytest.raises(UserError, match="takes no colour image"):
        make_peer(shape, dtype)


def test_a_real_peer_runs(test_data):
    path = test_data / "weights/peer_ssd_mobilenet_v1_quant.tflite"
    peer = Peer(Contender(str(path), 1, is_peer=True))
    assert peer.about.input_hw == (300, 300)
    assert peer.about.outputs == 4
    assert peer(PHOTO)[1] > 0


def test_a_detector_is_timed_by_every_stage(exported):
    detector = Detector(Contender(str(exported), 1, "onnx"))
    assert min(detector(PHOTO)) > 0
    assert len(detector(PHOTO)) == 4
    assert detector.about.input_hw == (96, 96)
    assert detector.about.file == exported / "model.onnx"
