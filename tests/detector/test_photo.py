import numpy as np

from detector.photo import sample_photo


def test_it_is_the_portrait_in_rgb():
    photo = sample_photo()
    assert (photo.shape, photo.dtype) == ((600, 512, 3), np.uint8)
    red, _, blue = photo[66, 474].astype(int)  # right of the hat
    assert blue > red + 50
