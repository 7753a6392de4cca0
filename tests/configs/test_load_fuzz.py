"""Mutated YAML: refused in a short line, or read as a configuration; 10,000 in `make proofs`."""

import os
import random

import pytest

from configs.errors import UserError
from configs.load import config_names, dump_config, load_config
from tests.tools.mutate import mutate

pytestmark = pytest.mark.slow

CASES = 10_000 if os.environ.get("SSDLITE_PROOFS") else 300


def test_a_mutated_configuration_is_refused_in_a_line_or_read(tmp_path):
    file, rng = tmp_path / "mine.yaml", random.Random(0)
    texts = [dump_config(load_config(name)).encode() for name in config_names()]
    read = refused = 0
    for _ in range(CASES):
        file.write_bytes(mutate(rng.choice(texts), rng))
        try:
            config = load_config(file)
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
            refused += 1
            continue
        read += 1
        file.write_text(dump_config(config))
        assert load_config(file) == config
    assert read and refused
