import pytest

from demo.diagnosis import subprocess_check


@pytest.fixture
def processors(monkeypatch):
    """How much the processors do while a test waits: `processors(idle=0.5)`, a share."""

    def make(idle: float) -> None:
        readings = iter([(1000.0, 500.0), (1100.0, 500.0 + 100.0 * idle)])
        monkeypatch.setattr(subprocess_check, "_processor_times", lambda: next(readings))

    return make


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Answers are waited for as long as a busy machine may need."""
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 250.0)
