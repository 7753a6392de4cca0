import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.data.image_lookup import ImageLookup


@pytest.fixture
def folder(tmp_path):
    """Writes files that are named as images, and gives the folder."""

    def _folder(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return _folder


@pytest.mark.parametrize(
    "name",
    [
        "images/a.jpg",
        "images\\a.jpg",
        "./images/a.jpg",
        "../../label-studio/data/upload/1/a.jpg",
        "/home/me/set/images/a.jpg",
        "C:\\Users\\me\\a.jpg",
        "https://host.org/images/a.jpg?X-Amz-Date=1#top",
        "s3://bucket/deep/a.jpg",
        "/data/local-files/?d=images/a.jpg",
        "/data/local-files/?d=images%2Fa.jpg",
        "file:///C:/set/a.jpg",
        "IMAGES/A.JPG",
        "abcd1234-a.jpg",
        "/data/upload/1/abcd1234-a.jpg",
    ],
)
def test_an_image_is_found_by_whatever_path_it_had(folder, name):
    root = folder("images/a.jpg", "images/b.jpg")
    assert ImageLookup([root]).find(name) == root / "images" / "a.jpg"


@pytest.mark.parametrize(
    ("name", "stands"),
    [
        ("x/a%20b.jpg", "images/a b.jpg"),
        ("x/100%25.jpg", "images/100%.jpg"),
        ("x/100%.jpg", "images/100%.jpg"),
        ("x/a?b.jpg", "images/a?b.jpg"),
        ("https://[/a.jpg", "images/a.jpg"),
        ("x/Straße.jpg", "images/STRASSE.jpg"),
        ("x/é.jpg", unicodedata.normalize("NFD", "images/É.jpg")),
        (unicodedata.normalize("NFD", "x/é.jpg"), "images/é.jpg"),
        ("images/a.jpg", "images\\a.jpg"),
    ],
)
def test_a_name_is_read_in_other_spellings(folder, name, stands):
    assert ImageLookup([folder(stands)]).find(name) == folder() / stands


def test_the_first_folder_that_has_the_path_goes_first(folder):
    root = folder("two/a.jpg", "one/a.jpg")
    assert ImageLookup([root / "one", root / "two"]).find("a.jpg") == root / "one" / "a.jpg"


def test_the_longest_end_of_a_path_decides(folder):
    root = folder("train/cam1/1.jpg", "train/cam2/1.jpg", "val/cam2/1.jpg")
    lookup = ImageLookup([root])
    assert lookup.find("/home/me/val/cam2/1.jpg") == root / "val/cam2/1.jpg"
    assert lookup.find("/home/me/cam1/1.jpg") == root / "train/cam1/1.jpg"


def test_of_names_that_differ_in_case_the_same_one_is_taken(folder):
    root = folder("images/a.jpg", "images/A.jpg")
    assert ImageLookup([root]).find("x/A.jpg") == root / "images" / "A.jpg"


def test_a_base_name_that_two_images_have_is_not_guessed(folder):
    lookup = ImageLookup([folder("cam1/1.jpg", "cam2/1.jpg")])
    assert lookup.find("x/1.jpg") is None
    assert lookup.why_not("x/1.jpg") == f"x/1.jpg may be {folder()}/cam1/1.jpg or " + str(
        folder() / "cam2" / "1.jpg"
    )


def test_an_image_that_is_gone_is_not_taken_for_one_of_another_folder(folder):
    lookup = ImageLookup([folder("val/1.jpg", "train/2.jpg")])
    assert lookup.find("train/1.jpg") is None  # where train/ is, and 1.jpg is not in it
    assert "there is no" in lookup.why_not("train/1.jpg")


def test_two_paths_do_not_share_an_image_that_only_ends_like_them(folder):
    lookup = ImageLookup([folder("all/1.jpg")])
    assert lookup.find_all(["train/1.jpg", "val/1.jpg"]) == [None, None]
    assert lookup.why_not("val/1.jpg") == f"there is no val/1.jpg; {folder()}/all/1.jpg is " + (
        "train/1.jpg"
    )


def test_an_image_with_a_path_of_its_own_is_no_other_one(folder):
    lookup = ImageLookup([folder("val/1.jpg")])
    assert lookup.find_all(["train/1.jpg", "val/1.jpg"]) == [None, str(folder() / "val/1.jpg")]


def test_an_image_may_be_named_twice(folder):
    lookup = ImageLookup([folder("a.jpg")])
    assert lookup.find_all(["x/a.jpg", "x/a.jpg", "a.jpg"])[2] == str(folder() / "a.jpg")
    assert ImageLookup([folder()]).find_all(["x/a.jpg"] * 2) == [str(folder() / "a.jpg")] * 2


def test_how_many_images_were_moved_is_told(folder):
    lookup = ImageLookup([folder("images/a.jpg", "images/b.jpg", "images/c.jpg")])
    lookup.find("images/a.jpg")
    assert lookup.notes == ()
    lookup.find_all(["../../up/b.jpg", "../../up/c.jpg"])
    path = folder() / "images" / "b.jpg"
    assert lookup.notes == (f"2 images found by the end of the path: ../../up/b.jpg as {path}",)


def test_a_folder_may_be_a_link(folder):
    archive, root = folder("archive/a.jpg") / "archive", folder("set/readme") / "set"
    (root / "images").symlink_to(archive)
    assert ImageLookup([root]).find("/home/me/a.jpg") == root / "images" / "a.jpg"


@pytest.mark.parametrize("name", ["", "/", "a" * 5000 + ".jpg", "a\0.jpg", "%", "images/", "?d="])
def test_what_names_no_image_is_found_nowhere(folder, name):
    lookup = ImageLookup([folder("images/a.jpg")])
    assert lookup.find(name) is None
    assert lookup.why_not(name)


@given(st.text(max_size=40))
def test_no_name_is_too_odd_to_be_looked_up(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp()
    assert ImageLookup([folder / "none"]).find_all([name, f"x/{name}"]) is not None
