"""What the built-in model is worth, on images that nobody trained or chose it by."""

import pytest

from detector.shapes.generator import write_shapes
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import score

SEED, IMAGES = 3, 400  # it was trained on seed 1


@pytest.mark.parametrize(
    ("photo", "least"), [(False, 0.75), (True, 0.70)], ids=["all looks", "printed and photographed"]
)
def test_it_finds_shapes_that_it_has_never_seen(tmp_path, photo, least):
    write_shapes(tmp_path / "shapes", IMAGES, SEED, photo)
    figures = evaluate(score("shapes", f"{tmp_path}/shapes", runtime="tflite-int8")).figures
    print({name: round(value, 4) for name, value in figures.items()})
    assert figures["AP"] >= least
