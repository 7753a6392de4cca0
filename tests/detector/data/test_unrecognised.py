import pytest

from configs.errors import UserError
from detector.data.open import open_dataset


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        open_dataset(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("image", "labels", "expected"),
    [
        pytest.param("images/a.jpg", "label/a.txt", "labels/a.txt", id="another folder"),
        pytest.param("images/a.jpg", "labels/a.jpg.txt", "labels/a.txt", id="two suffixes"),
        pytest.param("a.jpg", "a.jpg.txt", "a.txt", id="two suffixes beside"),
        pytest.param("images/A.jpg", "labels/a.txt", "labels/A.txt", id="capitals"),
    ],
)
def test_labels_that_no_image_is_matched_with_are_named(make, image, labels, expected):
    make.image(image)
    make.text(labels, "0 0.5 0.5 0.25 0.25")
    root = make.root
    said = f"{root / labels} is the YOLO labels of {root / image}, it must be {root / expected}"
    assert said in refusal(root)
    (root / expected).parent.mkdir(exist_ok=True)
    (root / labels).rename(root / expected)
    assert len(open_dataset(root)[0]) == 1


@pytest.mark.parametrize("text", ["README.txt", "labels/classes.txt", "licence.txt"])
def test_another_text_is_nobodys_labels(make, text):
    make.image("images/a.jpg")
    make.text(text, "cell\n")
    assert "it holds" in refusal(make.root)


@pytest.mark.parametrize("depth", ["one", "two/sets"])
def test_data_sets_in_a_folder_are_named(make, obj, ann, depth):
    place = make.root / depth
    make.image(f"{depth}/loose/a.jpg")
    make.xml(f"{depth}/loose/a.xml", obj("cat", 1, 1, 9, 9))
    make.image(f"{depth}/other/a.jpg")
    entry = {"id": 3, "file_name": "a.jpg", "width": 64, "height": 48}
    make.coco(images=[entry], annotations=[ann(1)], name=f"{depth}/other/annotations/a.json")
    assert refusal(place).endswith(
        "holds data sets; name one of them: loose (VOC), other (COCO JSON)"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<dataset/>", "no VOC annotation, it is an XML of dlib's imglab"),
        ("<root/>", "no VOC annotation, its root is <root>"),
        ("<annotation/>", "a .xml file is no data set; name its folder"),
        ("", "a .xml file is no data set; name its folder"),
    ],
)
def test_an_xml_is_named_by_what_it_is(make, text, says):
    assert says in refusal(make.text("a.xml", text))
