import pytest

from configs.errors import UserError
from detector.models import load_model


def test_an_unknown_name_lists_the_presets(tmp_path):
    with pytest.raises(UserError, match=r"'cocoo' is no model; use a preset \(coco, "):
        load_model("cocoo")


@pytest.mark.parametrize("model", ["", "a" * 5000, "none.npz"])
def test_what_is_no_path_at_all_is_refused(model):
    with pytest.raises(UserError, match="is no model"):
        load_model(model)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"PK")
    with pytest.raises(UserError, match="is not a model file this program reads"):
        load_model(str(tmp_path / "model.pt"))


def test_the_20_class_archive_knows_its_names(test_data):
    network, spec = load_model(str(test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz"))
    assert len(spec.class_names) == 20
    assert spec.category_ids[spec.class_names.index("person")] == 1
    assert network.output["class_logits"].shape == (None, 1917, 21)
