import io
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from configs.errors import UserError
from training.classifier.cifar10 import is_cifar10, open_cifar10
from training.classifier.class_folders import open_class_data

FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
PER_FILE = 4


def python2_text(text: bytes) -> bytes:
    """A `str` as Python 2 pickled it; Python 3 writes another code for its bytes."""
    if len(text) < 256:
        return b"U" + bytes([len(text)]) + text
    return b"T" + struct.pack("<i", len(text)) + text


def python2_batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    """A batch with the very codes of the authors' files, which cPickle wrote in 2009."""
    rows = struct.pack("<H", len(pixels))
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87R"
        b"(K\x01M" + rows + b"M\x00\x0c\x86cnumpy\ndtype\nq\x07U\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + python2_text(pixels.tobytes())
        + b"tb"
    )
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return (
        b"\x80\x02}q\x01("
        + python2_text(b"batch_label") + python2_text(b"training batch 1 of 5")
        + python2_text(b"labels") + listed
        + python2_text(b"data") + array
        + b"u."
    )  # fmt: skip


def binary_batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    return np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1).tobytes()


FORMS = {
    "python": ("cifar-10-batches-py", "", python2_batch),
    "binary": ("cifar-10-batches-bin", ".bin", binary_batch),
}


@pytest.fixture
def rows():
    """Pixels and labels of each file, as in the files: planes of red, green and blue."""
    rng = np.random.default_rng(0)
    return {
        name: (rng.integers(0, 256, (PER_FILE, 3072), np.uint8), rng.integers(0, 10, 4).tolist())
        for name in FILES
    }


@pytest.fixture(params=FORMS)
def unpacked(request, rows, tmp_path):
    """The folder that one of the two archives unpacks to."""
    name, suffix, write = FORMS[request.param]
    folder = tmp_path / name
    folder.mkdir()
    for file, (pixels, labels) in rows.items():
        (folder / f"{file}{suffix}").write_bytes(write(pixels, labels))
    (folder / "readme.html").write_text("<html>")
    return folder


def pack(folder):
    archive = folder.with_suffix(".tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return archive


@pytest.mark.parametrize("place", ["archive", "folder", "folder above"])
def test_images_and_labels_are_those_of_the_files(unpacked, rows, place):
    path = {"archive": pack, "folder": lambda f: f, "folder above": lambda f: f.parent}[place]
    data = open_class_data(path(unpacked))
    assert data.form == "CIFAR-10" and data.classes[:2] == ("airplane", "automobile")
    train, test = data.splits["train"], data.splits["test"]
    assert (len(train), len(test)) == (5 * PER_FILE, PER_FILE)
    pixels, labels = rows["data_batch_2"]
    assert train.labels[PER_FILE : 2 * PER_FILE].tolist() == labels
    np.testing.assert_array_equal(
        train.read(PER_FILE + 1), np.moveaxis(pixels[1].reshape(3, 32, 32), 0, -1)
    )
    assert test.labels.tolist() == rows["test_batch"][1]


def test_what_python_2_wrote_is_what_pickle_itself_reads(rows):
    pixels, labels = rows["test_batch"]
    batch = pickle.loads(python2_batch(pixels, labels), encoding="bytes")
    np.testing.assert_array_equal(batch[b"data"], pixels)
    assert batch[b"labels"] == labels


def test_a_batch_written_anew_by_numpy_2_is_read(rows, tmp_path):
    for name, (pixels, labels) in rows.items():
        batch = {b"data": pixels, b"labels": labels}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=4))
    data = open_cifar10(tmp_path)
    np.testing.assert_array_equal(data.splits["test"].labels, rows["test_batch"][1])


class _Bomb:
    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def _attacks(target):
    bomb = _Bomb()
    bomb.target = target
    yield pickle.dumps(bomb, protocol=2)
    yield pickle.dumps({b"data": bomb, b"labels": [1]}, protocol=4)
    yield b'cbuiltins\nexec\n(S\'open("%s", "w")\'\ntR.' % str(target).encode()
    yield b"cnumpy\nload\n(S'%s'\ntR." % str(target).encode()
    yield b"cnumpy\nndarray.tofile\n."


@pytest.mark.parametrize("number", range(5))
def test_a_pickle_that_would_run_code_runs_none(number, tmp_path):
    target = tmp_path / "ran"
    attack = list(_attacks(target))[number]
    (tmp_path / "data_batch_1").write_bytes(attack)
    with pytest.raises(
        UserError, match=r"data_batch_1 is damaged or no batch.*it asks for .*refused"
    ):
        open_cifar10(tmp_path)
    assert not target.exists()


def test_an_array_of_objects_is_refused(tmp_path):
    objects = np.array([[1] * 3072], object)
    content = pickle.dumps({b"data": objects, b"labels": [1]}, protocol=4)
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(UserError, match="its array is not of bytes"):
        open_cifar10(tmp_path)


def test_a_file_that_is_missing_is_named(unpacked):
    next(unpacked.glob("data_batch_4*")).unlink()
    with pytest.raises(UserError, match="lacks data_batch_4; download and unpack it again"):
        open_cifar10(unpacked)


@pytest.mark.parametrize("keep", [0, 1, 700, 3000])
def test_a_truncated_file_is_named(unpacked, keep):
    file = next(unpacked.glob("data_batch_3*"))
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match="data_batch_3") as caught:
        open_cifar10(unpacked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 5, 5000])
def test_a_truncated_archive_is_named(unpacked, keep):
    archive = pack(unpacked)
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(UserError, match=archive.name):
        open_cifar10(archive)


def test_damage_anywhere_ends_in_one_line(rows, tmp_path):
    """Fuzzing: a few bytes anywhere are changed."""
    sound = python2_batch(*rows["data_batch_1"])
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(rng.integers(1, 4)):
            place = rng.integers(0, 160) if rng.random() < 0.8 else rng.integers(len(damaged))
            damaged[place] = rng.integers(256)
        (tmp_path / "data_batch_1").write_bytes(damaged)
        with pytest.raises(UserError) as caught:  # at the latest, as the other files are missing
            open_cifar10(tmp_path)
        assert "\n" not in str(caught.value)


def test_an_archive_of_something_else_is_refused(tmp_path):
    archive = tmp_path / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("cifar-100-python/train")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    with pytest.raises(UserError, match="is not CIFAR-10: it holds none of its files"):
        open_class_data(archive)


def test_labels_out_of_range_are_refused(rows, tmp_path):
    pixels, _ = rows["data_batch_1"]
    (tmp_path / "data_batch_1.bin").write_bytes(binary_batch(pixels, [0, 1, 2, 10]))
    with pytest.raises(UserError, match=r"labels are 0 \.\.\. 10, not 0 \.\.\. 9"):
        open_cifar10(tmp_path)


def test_a_folder_of_class_folders_is_not_taken_for_cifar(tmp_path):
    (tmp_path / "cat").mkdir()
    assert not is_cifar10(tmp_path)
