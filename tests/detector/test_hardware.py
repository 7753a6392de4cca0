import json
import platform

from detector.hardware import cpu_model, describe_machine, machine_line, usable_cores


def test_the_machine_is_described():
    machine = describe_machine()
    assert set(machine) == {"cpu", "cores", "memory_gb", "os", "python", "versions"}
    assert machine["cores"] == usable_cores()
    assert machine["memory_gb"] > 0.1
    assert machine["python"] == platform.python_version()
    assert machine["versions"]["numpy"].count(".") == 2


def test_it_can_be_published():
    text = json.dumps(describe_machine())
    assert platform.node() not in text
    assert "/" not in text.replace("GNU/Linux", "")


def test_it_fits_in_a_sentence():
    line = machine_line(describe_machine())
    assert line.startswith(cpu_model())
    assert "onnxruntime" in line
    assert "\n" not in line


def test_a_cpu_without_a_name_is_known_by_its_architecture(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Plan9")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert cpu_model() == "riscv64"
