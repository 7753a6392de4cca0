import shutil

from training.train import main


def test_missing_images_are_counted_before_training(squares, tmp_path, capsys):
    data = shutil.copytree(squares, tmp_path / "data")
    for name in ("pa", "pi"):
        (data / f"JPEGImages/{name}.jpg").unlink()
    output = str(tmp_path / "run")
    assert main(["--data", str(data), "--output", output, "--start", "none", "--dry-run"]) == 0
    assert "2 images missing, and left out of training and validation" in capsys.readouterr().out
