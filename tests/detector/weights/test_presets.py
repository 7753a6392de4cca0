import dataclasses
import functools
import http.server
import threading

import numpy as np
import pytest

from configs.errors import UserError
from detector.weights import download
from detector.weights.download import RemoteFile
from detector.weights.presets import PRESETS, load_preset


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_WAIT", 0.001)
    return tmp_path / "home"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_its_licence_and_source(name):
    preset = PRESETS[name]
    assert preset.name == name
    assert preset.licence
    assert preset.source.startswith("https://")
    assert all(remote.url.startswith("https://") for remote in preset.files)


def test_the_pinned_digests_are_those_of_the_official_files(test_data):
    import hashlib

    pinned = {remote.name: remote for remote in PRESETS["coco"].files if remote.sha256}
    for name in ("model.json", "group1-shard5of5"):
        content = (test_data / "weights/tfjs_partial" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == pinned[name].sha256
        assert len(content) == pinned[name].size


def test_without_network_the_message_names_url_cache_and_alternative(own_cache):
    unreachable = tuple(
        RemoteFile(f"http://127.0.0.1:9/{remote.name}", sha256="0" * 64)
        for remote in PRESETS["coco"].files
    )
    preset = dataclasses.replace(PRESETS["coco"], files=unreachable)
    with pytest.raises(UserError) as caught:
        load_preset(preset)
    message = str(caught.value)
    assert "http://127.0.0.1:9/model.json" in message
    assert str(own_cache / "coco" / "model.json") in message
    assert "or name a model that is on disk" in message
    assert "group1-shard1of5" in message  # what else is needed
    assert "\n" not in message


def test_a_checkpoint_archive_is_fetched_unpacked_and_loaded(
    tmp_path, own_cache, checkpoint_variables
):
    """The real layout of the official archive, from a server on the loopback."""
    import hashlib
    import tarfile

    import tensorflow as tf

    names, values = zip(*sorted(checkpoint_variables.items()), strict=True)
    folder = tmp_path / "ssdlite_mobilenet_v2_coco_2018_05_09"
    folder.mkdir()
    tf.raw_ops.SaveV2(
        prefix=str(folder / "model.ckpt"),
        tensor_names=list(names),
        shape_and_slices=[""] * len(names),
        tensors=list(values),
    )
    (folder / "pipeline.config").write_text("model {}")
    site = tmp_path / "site"
    site.mkdir()
    archive = site / f"{folder.name}.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(folder, folder.name)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with serve(site) as url:
        preset = dataclasses.replace(
            PRESETS["coco-checkpoint"],
            files=(RemoteFile(f"{url}/{archive.name}", sha256=digest),),
        )
        network, spec = load_preset(preset)
    gamma = network.get_layer("bn_Conv1").get_weights()[0]
    expected = checkpoint_variables["FeatureExtractor/MobilenetV2/Conv/BatchNorm/gamma"]
    np.testing.assert_array_equal(gamma, expected)
    assert len(spec.class_names) == 80
    assert spec.metrics == {"AP": 0.22}
    # The second time nothing is fetched: the server is gone.
    assert load_preset(preset).spec.name == "coco-checkpoint"


class serve:  # noqa: N801
    """A folder on the loopback."""

    def __init__(self, folder):
        handler = functools.partial(QuietHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass
