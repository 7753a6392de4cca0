import numpy as np
import pytest


@pytest.fixture(params=["numpy", "keras.ops"])
def xp(request):
    """The namespaces that production code passes: NumPy, and keras.ops inside a graph."""
    if request.param == "numpy":
        return np
    return pytest.importorskip("keras").ops
