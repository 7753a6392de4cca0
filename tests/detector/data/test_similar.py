import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from detector.data.similar import fingerprints, near_pairs


def test_copies_look_alike_and_others_do_not(make, test_data):
    photos = sorted((test_data / "data/coco/val2017").glob("*.jpg"))[:6]
    image = Image.open(photos[0])
    image.resize((200, 150)).save(make.root / "small.png")
    image.save(make.root / "worse.jpg", quality=30)
    ImageEnhance.Brightness(image).enhance(1.2).save(make.root / "bright.jpg")
    copies = sorted(make.root.iterdir())
    prints, readable = fingerprints([*photos, *copies])
    assert readable.all()
    assert near_pairs(prints).tolist() == [[0, 6], [0, 7], [0, 8], [6, 7], [6, 8], [7, 8]]


def test_what_cannot_be_read_is_marked(make):
    paths = [make.image("a.jpg"), make.text("b.jpg", "no image"), make.root / "missing.jpg"]
    assert fingerprints(paths)[1].tolist() == [True, False, False]


def test_an_upright_copy_of_a_turned_image_is_alike(make):
    turned = make.image("turned.jpg", width=96, height=64, orientation=6)
    upright = make.root / "upright.png"
    Image.open(turned).transpose(Image.Transpose.ROTATE_270).save(upright)
    prints, _ = fingerprints([turned, upright])
    assert len(near_pairs(prints)) == 1


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(0, 64))
def test_pairs_are_those_of_a_plain_loop(values, distance):
    wanted = [
        [i, j]
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= distance
    ]
    assert near_pairs(np.array(values, np.uint64), distance).tolist() == wanted


def test_pairs_are_found_across_chunks():
    prints = np.arange(3000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    prints[2999] = prints[5]
    assert [5, 2999] in near_pairs(prints, 0).tolist()
