"""Mutated `data.yaml`: refused in a short line, or read; 10,000 cases in `make proofs`."""

import os
import random

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from tests.tools.mutate import mutate

pytestmark = pytest.mark.slow

CASES = 10_000 if os.environ.get("SSDLITE_PROOFS") else 200
YAML = b"""\
path: .
train: images/train
val: [images/val]
names:
  0: cat
  1: &dog dog
  2: [*dog]
nc: 2
"""


def test_a_mutated_yaml_is_refused_in_a_line_or_read(tmp_path):
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / f"images/{split}/a.png"), np.zeros((20, 30, 3), np.uint8))
        (tmp_path / f"labels/{split}/a.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    file, rng = tmp_path / "data.yaml", random.Random(0)
    text = YAML.replace(b"  2: [*dog]\n", b"")
    read = refused = 0
    for _ in range(CASES):
        file.write_bytes(mutate(rng.choice([text, text, YAML]), rng))
        try:
            dataset = open_dataset(str(file))
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
            refused += 1
            continue
        read += 1
        assert all(isinstance(name, str) for name in dataset.classes.names)
        assert {len(sample.boxes) for sample in dataset} <= {0, 1}
    assert read and refused
