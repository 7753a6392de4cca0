"""A model folder that is replaced while it is read: the old one or the new one, never a mixture."""

import subprocess
import sys

import pytest

from configs.errors import UserError
from configs.schema import ModelConfig
from detector.artefact import DetectorSpec, at_one_moment, read_spec
from detector.digests import digest_of, require_undamaged
from detector.files import atomic_folder


def put(folder, text: str) -> None:
    """A model whose network and description say the same."""
    with atomic_folder(folder) as new:
        (new / "model.keras").write_text(text * 20_000)
        spec = DetectorSpec(
            name=text,
            model=ModelConfig(),
            class_names=("a",),
            category_ids=(1,),
            digests={"model.keras": digest_of(new / "model.keras")},
        )
        (new / "detector.json").write_text(spec.model_dump_json())


def read(folder) -> tuple[str, str]:
    """The name in the description, and the one in the network, as `artefact.load` reads them."""
    spec = read_spec(folder)
    require_undamaged(folder / "model.keras", spec.digests, "detector.json")
    content = (folder / "model.keras").read_text()
    return spec.name, content[: len(content) // 20_000]


def test_what_changed_while_it_was_read_is_read_again(tmp_path):
    put(tmp_path / "best", "one")
    names = iter(["two", "three"])

    def slowly():
        spec = read_spec(tmp_path / "best")
        if name := next(names, None):
            put(tmp_path / "best", name)
        return spec.name, read(tmp_path / "best")[1]

    assert at_one_moment(tmp_path / "best", slowly) == ("three", "three")


def test_a_failure_counts_only_if_nothing_changed(tmp_path):
    put(tmp_path / "best", "one")
    tries = []

    def fails_once():
        tries.append(1)
        if len(tries) == 1:
            put(tmp_path / "best", "two")
            raise UserError("damaged, as it seemed")
        return read(tmp_path / "best")

    assert at_one_moment(tmp_path / "best", fails_once) == ("two", "two")


def test_a_failure_where_nothing_changed_is_told_at_once(tmp_path):
    put(tmp_path / "best", "one")
    (tmp_path / "best/model.keras").write_text("other")
    tries = []
    with pytest.raises(UserError, match="is damaged"):
        at_one_moment(tmp_path / "best", lambda: tries.append(1) or read(tmp_path / "best"))
    assert len(tries) == 1


def test_a_folder_that_never_stands_still_is_one_line(tmp_path):
    counted = iter(range(10**6))
    with pytest.raises(UserError, match="is replaced faster than it can be read"):
        at_one_moment(tmp_path / "best", lambda: put(tmp_path / "best", str(next(counted))))


WRITER = """
import sys, time
from pathlib import Path
from tests.detector.test_artefact_replaced import put
for turn in range(1500):
    put(Path(sys.argv[1]), f"model{turn:04}")
    time.sleep(0.002)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="there is no exchange")
def test_thousands_of_readers_never_see_a_mixture_or_nothing(tmp_path):
    folder = tmp_path / "best"
    put(folder, "model0000")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)])
    seen = []
    while writer.poll() is None:
        assert folder.is_dir()
        described, network = at_one_moment(folder, lambda: read(folder))
        assert described == network
        seen.append(network)
    assert writer.returncode == 0
    assert read(folder) == ("model1499", "model1499")
    assert len(set(seen)) > 20  # it was replaced meanwhile
