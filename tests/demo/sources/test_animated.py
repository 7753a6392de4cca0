import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from demo.sources.capture import open_source

STAY_MS = [100, 50, 300, 20, 1000, 40]
BEGINS_S = [0, 0.1, 0.15, 0.45, 0.47, 1.47]
SIZE_HW = (40, 60)
MOVING = ["a.gif", "a.webp", "a.png", "a.avif"]


def square_at(i, ground=(0, 0, 0, 255)):
    """Frame `i` of an animation: a square that moves to the right."""
    image = np.full((*SIZE_HW, 4), ground, np.uint8)
    image[5:20, 5 + 8 * i : 20 + 8 * i] = (250, 30 * i, 0, 255)
    return image


def write(path, durations=STAY_MS, ground=(0, 0, 0, 255), **options):
    first, *others = [Image.fromarray(square_at(i, ground)) for i in range(6)]
    if path.suffix == ".webp":
        options["lossless"] = True
    if path.suffix == ".avif":
        options |= {"quality": 100, "subsampling": "4:4:4"}
    first.save(path, save_all=True, append_images=others, duration=durations, **options)
    return path


def frames_of(path):
    with open_source(str(path)) as source:
        return source, list(source)


@pytest.mark.parametrize("name", MOVING)
def test_an_animated_image_is_a_video_with_the_times_of_its_frames(tmp_path, capsys, name):
    source, frames = frames_of(write(tmp_path / name))
    np.testing.assert_allclose([frame.time_s for frame in frames], BEGINS_S, atol=1e-6)
    assert [frame.index for frame in frames] == list(range(6))
    assert (source.of_images, source.live, source.count) == (False, False, 6)
    assert source.fps == pytest.approx(50)  # of the shortest
    for i, frame in enumerate(frames):
        np.testing.assert_allclose(frame.image, square_at(i)[..., :3], atol=30)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("other", ["a.jpg", "a.tif", "a"])
def test_an_animated_image_of_another_name_is_one_too(tmp_path, name, other):
    write(tmp_path / name).rename(tmp_path / other)
    _, frames = frames_of(tmp_path / other)
    np.testing.assert_allclose([frame.time_s for frame in frames], BEGINS_S, atol=1e-6)


@pytest.mark.parametrize("disposal", [0, 1, 2], ids=["unsaid", "kept", "cleared"])
def test_what_a_frame_leaves_behind_is_as_its_file_says(tmp_path, disposal):
    clear = (0, 0, 0, 0)
    _, frames = frames_of(write(tmp_path / "a.gif", ground=clear, disposal=disposal))
    for i, frame in enumerate(frames):
        seen = frame.image[10, :, 0] > 200
        where = square_at(i)[10, :, 0] > 200
        assert seen[where].all()
        if disposal == 2:
            assert not seen[~where & (np.arange(60) < 5 + 8 * i)].any()


def test_an_apng_is_without_the_image_for_those_who_know_no_animations(tmp_path):
    path = write(tmp_path / "a.png", STAY_MS[1:], default_image=True)
    _, frames = frames_of(path)
    np.testing.assert_allclose([frame.time_s for frame in frames], [0, 0.05, 0.35, 0.37, 1.37])
    np.testing.assert_array_equal(frames[0].image, square_at(1)[..., :3])


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_frames_that_are_to_take_no_time_stay_as_long_as_in_browsers(tmp_path, capsys, name):
    path = write(tmp_path / name, [0, 10, 0, 10, 0, 200])
    _, frames = frames_of(path)
    np.testing.assert_allclose([frame.time_s for frame in frames], [0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert capsys.readouterr().err == (
        f"{path}: 5 of 6 frames are to stay less than 0.02 s; they stay 0.1 s, as in browsers\n"
    )


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_one_that_is_cut_short_ends_with_the_truth(tmp_path, capsys, name):
    path = write(tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: 2 * len(data) // 3])
    source, frames = frames_of(path)
    assert 0 < len(frames) < source.count
    assert source.unreadable == source.count - len(frames)
    said = capsys.readouterr().err
    assert said.startswith(f"cannot read {path}: ")
    assert said.endswith(f"; it ends after {len(frames)} of {source.count} frames\n")


def test_one_whose_first_frame_cannot_be_decoded_is_refused(tmp_path):
    path = write(tmp_path / "a.png")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"IDAT") + 8])
    with pytest.raises(UserError, match=r"cannot read .*a\.png"):
        open_source(str(path))


@pytest.mark.parametrize("name", MOVING)
def test_a_still_image_stays_an_image(tmp_path, name):
    Image.fromarray(square_at(0)[..., :3]).save(tmp_path / name)
    source, frames = frames_of(tmp_path / name)
    assert source.of_images
    assert len(frames) == 1


def test_the_pages_of_a_tiff_are_no_video(tmp_path):
    write(tmp_path / "a.tif")
    source, frames = frames_of(tmp_path / "a.tif")
    assert source.of_images
    assert len(frames) == 1


def test_among_other_images_an_animation_is_its_first_frame_and_that_is_said(tmp_path, capsys):
    write(tmp_path / "a.gif")
    write(tmp_path / "b.webp")
    Image.fromarray(square_at(0)[..., :3]).save(tmp_path / "c.png")
    source, frames = frames_of(tmp_path)
    assert source.of_images
    assert [frame.time_s for frame in frames] == [0, 1, 2]
    for frame in frames:
        np.testing.assert_array_equal(frame.image, square_at(0)[..., :3])
    said = "the first frame of 2 animated images was taken; name one alone to see all of it"
    assert capsys.readouterr().err == f"{tmp_path}: {said}\n"


def test_that_is_said_too_where_not_all_of_them_are_looked_at(tmp_path, capsys):
    write(tmp_path / "a.gif")
    write(tmp_path / "b.gif")
    with open_source(str(tmp_path / "*.gif")) as source:
        next(source)
    assert "the first frame of 1 animated images was taken" in capsys.readouterr().err
