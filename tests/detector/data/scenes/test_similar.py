import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from detector.data.scenes.hash_index import near_pairs
from detector.data.scenes.same_scene import Looks
from detector.data.scenes.similar import alike_pairs, fingerprints, scene_pairs

ASKS = np.array([[False, False], [True, False]])  # val (side 1) for scenes of train (side 0)


def noise(rng, height: int, width: int, cells: int) -> np.ndarray:
    """Grey from 0 to 1 that varies over about so many cells; float64 `(height, width)`."""
    coarse = Image.fromarray(rng.random((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), float)


def ground(seed: int, roughness: float = 25) -> np.ndarray:
    """A piece of plain ground, float64 `(300, 300, 3)`: grain, stains, and light at one side."""
    rng = np.random.default_rng(seed)
    grey = 130 + roughness * (noise(rng, 300, 300, 100) - 0.5) + 10 * noise(rng, 300, 300, 9)
    return np.repeat((grey + np.linspace(0, 40, 300))[..., None], 3, axis=2)


def disc(image: np.ndarray, x: float, y: float, radius: float, grey: float) -> np.ndarray:
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    inside = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
    return np.where(inside[..., None], grey, image)


def bar(image: np.ndarray, x: int, y: int, width: int, height: int, grey: float) -> np.ndarray:
    image = image.copy()
    image[y : y + height, x : x + width] = grey
    return image


def photo(seed: int) -> Image.Image:
    """An image full of things."""
    rng = np.random.default_rng(seed)
    image = 255 * np.stack([noise(rng, 240, 320, 8) for _ in range(3)], axis=2)
    for x, y, width, height in rng.integers(5, 60, (40, 4)) * [5, 4, 1, 1]:
        image = bar(image, x, y, width, height, float(rng.integers(256)))
    return as_image(image)


def as_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def save(folder, *images: Image.Image, names=None) -> list:
    names = names or [f"{chr(97 + place)}.png" for place in range(len(images))]
    paths = [folder / name for name in names]
    for image, path in zip(images, paths, strict=True):
        path.parent.mkdir(exist_ok=True)
        image.save(path)
    return paths


def leaks(paths, sides) -> list[list[int]]:
    looks = Looks(paths)
    prints, _ = fingerprints(looks)
    sides = np.array(sides)
    return [
        pair for pair in scene_pairs(looks, prints, sides, ASKS).tolist() if np.ptp(sides[pair])
    ]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def noisy(image: Image.Image) -> Image.Image:
    values = np.asarray(image, float)
    return as_image(values + np.random.default_rng(9).normal(0, 12, values.shape))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda im: jpeg(im, 30), id="compressed"),
        pytest.param(lambda im: im.resize((160, 120)), id="resized"),
        pytest.param(lambda im: im.resize((600, 600)), id="of another shape"),
        pytest.param(lambda im: ImageEnhance.Brightness(im).enhance(1.25), id="brighter"),
        pytest.param(lambda im: ImageEnhance.Brightness(im).enhance(0.6), id="darker"),
        pytest.param(lambda im: ImageEnhance.Contrast(im).enhance(1.3), id="of more contrast"),
        pytest.param(lambda im: im.convert("L"), id="grey"),
        pytest.param(noisy, id="noisy"),
    ],
)
def test_a_changed_copy_shows_the_same_scene(change, tmp_path):
    others = [photo(seed) for seed in range(2, 8)]
    paths = save(tmp_path, photo(1), *others, change(photo(1)))
    assert alike_pairs(paths).tolist() == [[0, 7]]


@pytest.mark.parametrize("box", [(4, 4, 316, 236), (0, 0, 304, 228), (16, 12, 320, 240)])
def test_a_crop_in_another_split_is_found(box, tmp_path):
    others = [photo(seed) for seed in range(2, 8)]
    paths = save(tmp_path, photo(1), *others, photo(1).crop(box))
    assert leaks(paths, [0] * 7 + [1]) == [[0, 7]]


def pan(step: int) -> np.ndarray:
    """A frame of a camera that moves over the ground."""
    wide = np.pad(ground(1), [(0, 0), (0, 150), (0, 0)], mode="reflect")
    wide = bar(disc(wide, 160, 150, 14, 20), 230, 90, 30, 12, 230)
    return wide[:, 12 * step : 12 * step + 300]


def approach(step: int) -> np.ndarray:
    """A frame of a camera that comes nearer."""
    image = as_image(bar(disc(ground(2), 150, 140, 15, 20), 180, 160, 30, 12, 230))
    edge = 10 * step
    return np.asarray(image.crop((edge, edge, 300 - edge, 300 - edge)).resize((300, 300)), float)


def passing(step: int) -> np.ndarray:
    """A frame in which something small moves before a camera that does not."""
    return disc(bar(ground(3), 60, 60, 60, 30, 60), 100 + 12 * step, 200, 10, 15)


def check_that_frames_leak(folder, frame, name: str) -> None:
    """Of six frames every other one is in the other split, and each is found to leak."""
    rng = np.random.default_rng(0)
    images = [as_image(frame(i) + rng.normal(0, 4, (300, 300, 1))) for i in range(6)]
    names = [name.format(i=i, split="val" if i % 2 else "train") for i in range(6)]
    found = leaks(save(folder, *images, names=names), [0, 1] * 3)
    assert set(np.ravel(found).tolist()) == set(range(6))


@pytest.mark.parametrize("frame", [pan, approach, passing])
def test_neighbouring_frames_in_two_splits_are_found(frame, tmp_path):
    check_that_frames_leak(tmp_path, frame, "road_{i:04}.png")


@pytest.mark.parametrize("name", ["clip{i}a.png", "{split}/f{i}.png", "{i}_png.rf.{i:032x}.png"])
def test_frames_are_numbered_in_many_ways(name, tmp_path):
    check_that_frames_leak(tmp_path, pan, name)


OBJECTS = (
    lambda ground: disc(ground, 150, 150, 40, 15),
    lambda ground: bar(ground, 60, 130, 180, 25, 235),
    lambda ground: bar(ground, 140, 40, 20, 200, 30),
)
SMALL = (
    lambda ground: disc(ground, 70, 90, 5, 60),
    lambda ground: disc(ground, 220, 160, 8, 230),
    lambda ground: bar(ground, 150, 210, 14, 6, 40),
)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([add(ground(1)) for add in OBJECTS], id="other objects on one ground"),
        pytest.param([ground(seed) for seed in range(3)], id="one texture in other places"),
        pytest.param([add(ground(i, 6)) for i, add in enumerate(SMALL)], id="near-empty images"),
        pytest.param([np.full((64, 64, 3), grey) for grey in (90, 100, 255)], id="blank images"),
    ],
)
def test_what_only_looks_alike_is_not_one_scene(images, tmp_path):
    paths = save(tmp_path, *map(as_image, images))
    assert alike_pairs(paths).tolist() == []
    assert leaks(paths, [i % 2 for i in range(len(paths))]) == []


def test_numbers_of_a_list_of_photos_are_no_frames(tmp_path):
    """Some neighbours are a little alike by chance; in a video most of them are."""
    names = [f"photo{i}.png" for i in range(24)]
    paths = save(tmp_path, *(photo(i) for i in range(24)), names=names)
    assert leaks(paths, [i % 2 for i in range(24)]) == []


def text(seed: int, form: bool) -> np.ndarray:
    """A page of lines of text, perhaps on a printed form."""
    rng = np.random.default_rng(seed)
    page = np.full((320, 240, 3), 250.0)
    for row in range(12, 300, 14):
        line = np.repeat(rng.random((1, 60, 1)) < 0.6, 3, axis=1)[:, : rng.integers(15, 180)]
        page[row : row + 6, 10 : 10 + line.shape[1]][line[:, :, 0].repeat(6, axis=0)] = 20
    if form:
        page[4:8], page[:, 118:121] = 0, 0
    return page


def screenshot(seed: int) -> np.ndarray:
    """Buttons and texts on a white ground, below one title bar."""
    rng = np.random.default_rng(seed)
    page = np.full((240, 320, 3), 255.0)
    page[:20] = 60
    for x, y in rng.integers((5, 30), (250, 215), (8, 2)).tolist():
        page[y : y + 14, x : x + 48] = rng.integers(0, 255, 3)
    return page


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(lambda i: text(i, form=False), id="lines of text"),
        pytest.param(lambda i: text(i, form=True), id="forms"),
        pytest.param(screenshot, id="screenshots"),
    ],
)
def test_numbered_pages_are_no_frames(page, tmp_path):
    """Neighbours are alike, but no more than those far apart."""
    names = [f"page_{i:03}.png" for i in range(40)]
    paths = save(tmp_path, *(as_image(page(i)) for i in range(40)), names=names)
    assert leaks(paths, [int(i % 5 == 0) for i in range(40)]) == []


def test_a_long_video_of_a_camera_that_stands_still_is_found(tmp_path):
    rng = np.random.default_rng(0)
    frames = (as_image(passing(i % 9) + rng.normal(0, 4, (300, 300, 1))) for i in range(40))
    paths = save(tmp_path, *frames, names=[f"frame_{i:03}.png" for i in range(40)])
    sides = [int(i % 5 == 0) for i in range(40)]
    assert set(np.flatnonzero(sides)) <= set(np.ravel(leaks(paths, sides)).tolist())


def test_many_equal_hashes_do_not_make_the_square_of_pairs(tmp_path):
    paths = save(tmp_path, photo(1)) * 60
    pairs = alike_pairs(paths)
    assert set(pairs.ravel().tolist()) == set(range(60))
    assert len(pairs) <= 2 * 60


def test_copies_look_alike_and_others_do_not(make, test_data):
    photos = sorted((test_data / "data/coco/val2017").glob("*.jpg"))[:6]
    image = Image.open(photos[0])
    image.resize((200, 150)).save(make.root / "small.png")
    image.save(make.root / "worse.jpg", quality=30)
    ImageEnhance.Brightness(image).enhance(1.2).save(make.root / "bright.jpg")
    copies = sorted(make.root.iterdir())
    pairs = alike_pairs([*photos, *copies])
    assert pairs.tolist() == [[0, 6], [0, 7], [0, 8], [6, 7], [6, 8], [7, 8]]


def test_what_cannot_be_read_is_marked(make):
    paths = [make.image("a.jpg"), make.text("b.jpg", "no image"), make.root / "missing.jpg"]
    prints, readable = fingerprints(Looks(paths))
    assert readable.tolist() == [True, False, False]
    assert prints[1:].tolist() == [0, 0]
    assert alike_pairs(paths).tolist() == []


def test_an_upright_copy_of_a_turned_image_is_alike(make):
    turned = make.image("turned.jpg", width=96, height=64, orientation=6)
    upright = make.root / "upright.png"
    Image.open(turned).transpose(Image.Transpose.ROTATE_270).save(upright)
    assert alike_pairs([turned, upright]).tolist() == [[0, 1]]


def test_grey_of_16_bits_is_not_cut_off_at_255(make):
    values = np.asarray(Image.open(make.image("a.png")).convert("L"))
    Image.fromarray(values.astype(np.uint16) * 257).save(make.root / "b.png")
    Image.fromarray(values).save(make.root / "c.png")
    assert alike_pairs([make.root / "b.png", make.root / "c.png"]).tolist() == [[0, 1]]


def test_hashes_are_those_of_imagehash(make):
    import imagehash

    paths = [make.image(f"{i}.png", seed=i) for i in range(20)]
    prints, _ = fingerprints(Looks(paths))
    grey = [Image.open(path).convert("L") for path in paths]
    theirs = [int(str(imagehash.phash(image)), 16) for image in grey]
    wrong = np.bitwise_count(prints ^ np.array(theirs, np.uint64))
    assert wrong.max() <= 2  # rounding of grey
    assert len(near_pairs(prints)) == 0
