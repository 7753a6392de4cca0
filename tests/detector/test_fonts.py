import sys

import numpy as np
import pytest
from PIL import features

from detector import fonts
from detector.draw import draw_annotations, draw_detections, text_patch
from detector.fonts import font_runs, writable

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
ANYWHERE = {
    "Latin": "Straße",
    "Greek": "γάτα",
    "Cyrillic": "кот",
    "Arabic": "قطة",
    "Hebrew": "חתול",
}
ELSEWHERE = {
    "Chinese": "猫",
    "Japanese": "ねこカフェ",
    "Korean": "고양이",
    "Thai": "แมวน้ำ",
    "Hindi": "बिल्ली",
    "Tamil": "பூனை",
}


@pytest.fixture
def forget(monkeypatch):
    """What was found and told before, by other tests, is not known."""

    def clear():
        fonts._file_of.cache_clear()
        fonts._system_fonts.cache_clear()
        fonts.writable.cache_clear()
        fonts._tell_unjoined.cache_clear()

    monkeypatch.setattr(fonts, "_by_script", {})
    monkeypatch.setattr(fonts, "_exhausted", set())
    monkeypatch.setattr(fonts, "_told", set())
    clear()
    yield
    clear()


@pytest.fixture
def no_fonts(monkeypatch, forget):
    """A machine without fonts of its own, as in a container."""
    monkeypatch.setattr(fonts, "_font_folders", lambda: iter(()))


def plain(name: str) -> str:
    return name.strip("\u200e")


@pytest.mark.usefixtures("no_fonts")
@pytest.mark.parametrize("name", ANYWHERE.values(), ids=ANYWHERE)
def test_these_are_written_on_every_machine(name, capsys):
    assert plain(writable(name)) == name
    assert "".join(part for part, _ in font_runs(name, 20)) == name
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("no_fonts")
@pytest.mark.parametrize("script", ELSEWHERE)
def test_without_a_font_one_line_says_what_to_install(script, capsys):
    name = ELSEWHERE[script]
    package = "fonts-noto-" + ("cjk" if script in ("Chinese", "Japanese", "Korean") else "core")
    assert writable(name) == ""
    assert writable(f"{name} {name}") == ""
    said = capsys.readouterr().err
    assert said.startswith("note: no font of this machine has ") and said.count("\n") == 1
    assert name in said and said.endswith(f"such as Debian's {package}\n")


@pytest.mark.usefixtures("no_fonts")
def test_each_script_is_told_of_once(capsys):
    for name in ("猫", "狗", "แมว", "ช้าง", "🚋", "🐈"):
        writable(name)
    assert [line[-19:] for line in capsys.readouterr().err.splitlines()] == [
        "Debian's fonts-noto-cjk"[-19:],
        "Debian's fonts-noto-core"[-19:],
        "Debian's fonts-symbola"[-19:],
    ]


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_captions_name_the_number_of_the_class(grey, found):
    image, detections = grey(120, 160), found([20, 40, 100, 100])
    drawn = draw_detections(image, detections, ["猫"])
    np.testing.assert_array_equal(drawn, draw_detections(image, detections, ["class 0"]))
    labels = np.array([1])
    drawn = draw_annotations(image, detections.boxes, labels, ["cat", "แมว"])
    named = draw_annotations(image, detections.boxes, labels, ["cat", "class 1"])
    np.testing.assert_array_equal(drawn, named)


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_other_text_has_one_mark_for_what_is_missing():
    assert [part for part, _ in font_runs("only 猫狗, cat", 20)] == ["only ", "?", ", cat"]


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_font_of_this_machine_is_found(name, capsys):
    if not writable(name):
        pytest.skip(capsys.readouterr().err.strip())
    assert "".join(part for part, _ in font_runs(f"{name} 90%", 20)) == f"{name} 90%"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("name", ["猫车車", "車车猫", "ねコ"])
def test_letters_of_one_script_may_be_in_several_fonts(name, tmp_path, monkeypatch, capsys):
    has = {"a.ttf": "猫車ね", "b.ttf": "猫车", "c.ttf": "コ"}
    for file in has:
        (tmp_path / file).touch()
    monkeypatch.setattr(fonts, "_font_folders", lambda: iter((tmp_path,)))
    monkeypatch.setattr(fonts, "_has", lambda file, letter: letter in has.get(file.name, ""))
    assert writable(name) == name
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("forget")
def test_a_script_that_no_font_has_is_looked_for_once(tmp_path, monkeypatch):
    opened = []
    (tmp_path / "some.ttf").touch()
    monkeypatch.setattr(fonts, "_font_folders", lambda: iter((tmp_path,)))
    monkeypatch.setattr(fonts, "_has", lambda file, _: opened.append(file.name) is not None)
    for name in ("猫", "狗", "车"):
        assert writable(name) == ""
    assert opened.count("some.ttf") == 1


@pytest.mark.usefixtures("forget")
def test_files_that_are_no_fonts_are_passed_over(tmp_path, monkeypatch):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "empty.otf").touch()
    (tmp_path / "folder.ttc").mkdir()
    monkeypatch.setattr(fonts, "_font_folders", lambda: iter((tmp_path, tmp_path / "none")))
    assert writable("猫") == ""


def test_an_accent_stays_with_its_letter():
    assert [part for part, _ in font_runs("e\u0301\u0323 x", 20)] == ["e\u0301\u0323 x"]
    assert [part for part, _ in font_runs("\u0301e", 20)] == ["\u0301e"]  # one without a letter


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow finds no FriBiDi")
@pytest.mark.parametrize("name", ["قطة", "חתול"])
def test_figures_stand_behind_a_name_that_is_written_from_the_right(name):
    figures = text_patch("90%", 40, BLACK, WHITE)[:, 12:-12].astype(int)  # without its margins
    written = text_patch(f"{writable(name)} 90%", 40, BLACK, WHITE)
    turned = text_patch(f"{name} 90%", 40, BLACK, WHITE)
    far = [
        min(
            np.abs(end - figures).mean()
            for end in np.lib.stride_tricks.sliding_window_view(
                patch[:, -figures.shape[1] - 20 :], figures.shape
            )[0, :, 0]
        )
        for patch in (written, turned)
    ]
    assert 3 * far[0] < far[1]


@pytest.mark.usefixtures("forget")
def test_without_fribidi_a_line_says_what_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(fonts.features, "check", lambda _: False)
    for _ in range(2):
        font_runs("قطة", 20)
    said = capsys.readouterr().err
    assert said.startswith("note: Pillow finds no FriBiDi") and said.count("\n") == 1


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_fonts_are_looked_for_where_the_system_has_them(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    folders = [folder.as_posix() for folder in fonts._font_folders()]
    expected = {"linux": "/usr/share/fonts", "darwin": "/System/Library/Fonts"}
    assert expected.get(platform, "C:/Windows/Fonts") in folders
