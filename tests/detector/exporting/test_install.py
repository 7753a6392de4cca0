import pytest

from configs.errors import UserError
from detector import artefact
from detector.artefact import Export
from detector.digests import digest_of, require_undamaged
from detector.exporting import install as module
from detector.exporting.install import check_target, install

RECORD = Export(operations=9, images=1, box_deltas=(0, 0), class_logits=(0, 0), matched=1.0)


@pytest.fixture
def spec(exported):
    return artefact.read_spec(exported)


def bare(spec):
    """Without what it says of files."""
    return spec.model_copy(update={"digests": {}})


def digests(folder):
    return artefact.read_spec(folder).digests


@pytest.fixture
def made(tmp_path):
    """What an export has written: a file, and a folder."""
    folder = tmp_path / "made"
    (folder / "saved_model/variables").mkdir(parents=True)
    (folder / "saved_model/saved_model.pb").write_text("graph")
    (folder / "model.onnx").write_text("onnx")
    return folder


def test_exports_make_a_model_folder(made, spec, tmp_path):
    target = tmp_path / "a/b"
    check_target(target, spec)
    assert not target.exists()
    install(made, ["model.onnx"], {"onnx": RECORD}, target, spec)
    install(made, ["saved_model"], {"saved_model": RECORD}, target, spec)
    assert (target / "model.onnx").read_text() == "onnx"
    assert (target / "saved_model/saved_model.pb").read_text() == "graph"
    described = artefact.read_spec(target)
    assert described.exports == {"onnx": RECORD, "saved_model": RECORD}
    assert described.model_copy(update={"exports": {}, "digests": {}}) == bare(spec)
    assert {one.name for one in target.iterdir()} == {"model.onnx", "saved_model", "detector.json"}


def test_exporting_again_replaces(made, spec, tmp_path):
    install(made, ["model.onnx"], {"onnx": RECORD}, tmp_path / "t", spec)
    (made / "model.onnx").write_text("newer")
    install(made, ["model.onnx"], {"onnx": RECORD}, tmp_path / "t", spec)
    assert (tmp_path / "t/model.onnx").read_text() == "newer"


def test_the_models_own_folder_will_do(exported, spec):
    check_target(exported, spec)


def test_a_folder_of_another_model_is_left_alone(exported, spec):
    other = spec.model_copy(update={"metrics": {"AP": 0.9}})
    with pytest.raises(UserError, match="holds another model; name a new folder"):
        check_target(exported, other)


def test_a_model_that_was_replaced_meanwhile_gets_no_export_of_the_one_before(made, spec, tmp_path):
    """As `best/` of a run that goes on."""
    target = tmp_path / "best"
    install(made, ["model.onnx"], {"onnx": RECORD}, target, spec)
    newer = spec.model_copy(update={"metrics": {"AP": 0.9}, "digests": {}})
    (target / artefact.DESCRIPTION).write_text(newer.model_dump_json())
    with pytest.raises(UserError, match="holds another model"):
        install(made, ["saved_model"], {"saved_model": RECORD}, target, spec)
    assert artefact.read_spec(target) == newer
    assert not (target / "saved_model").exists()


def test_a_folder_of_other_files_is_left_alone(spec, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other files; name a new folder"):
        check_target(tmp_path, spec)


def test_a_file_is_no_folder(spec, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is not a folder"):
        check_target(tmp_path / "file", spec)


# ---- digests


def test_digests_are_of_what_was_installed_and_of_nothing_else(made, spec, tmp_path):
    (made / "model.xml").write_text("graph")
    (made / "model.bin").write_text("weights")
    other = spec.model_copy(update={"digests": {"model.keras": "of the folder it was made from"}})
    install(made, ["model.bin", "model.xml"], {"openvino": RECORD}, tmp_path / "t", other)
    install(made, ["model.onnx"], {"onnx": RECORD}, tmp_path / "t", other)
    install(made, ["saved_model"], {"saved_model": RECORD}, tmp_path / "t", other)
    names = ("model.bin", "model.onnx", "model.xml")
    assert digests(tmp_path / "t") == {name: digest_of(made / name) for name in names}


def test_a_form_that_goes_takes_its_digest_with_it(made, spec, tmp_path):
    (made / "model_nms.onnx").write_text("nms")
    install(made, ["model.onnx", "model_nms.onnx"], {"onnx": RECORD}, tmp_path / "t", spec)
    assert "model_nms.onnx" in digests(tmp_path / "t")
    install(made, ["model.onnx"], {"onnx": RECORD}, tmp_path / "t", spec)
    assert list(digests(tmp_path / "t")) == ["model.onnx"]


@pytest.mark.parametrize("killed_at", range(1, 4))
def test_an_export_that_is_killed_leaves_nothing_that_is_refused(
    made, spec, tmp_path, monkeypatch, killed_at
):
    target = tmp_path / "t"
    install(made, ["model.onnx"], {"onnx": RECORD}, target, spec)
    (made / "model.onnx").write_text("newer")
    writes = iter(range(1, 9))

    class Killed(BaseException):
        pass

    def until_killed(real):
        def write(path, *rest):
            if next(writes) == killed_at:
                raise Killed
            return real(path, *rest)

        return write

    for name in ("write_text", "atomic_path"):
        monkeypatch.setattr(
            f"detector.exporting.install.{name}", until_killed(getattr(module, name))
        )
    with pytest.raises(Killed):
        install(made, ["model.onnx"], {"onnx": RECORD}, target, spec)
    require_undamaged(target / "model.onnx", digests(target), "detector.json")
