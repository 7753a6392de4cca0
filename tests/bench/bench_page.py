"""Prints what viewers of the demo's page cost the detector: `make proofs`.

Not a test: speed never decides one. Numbers of viewers take turns within one run of
`python -m demo.webcam --view web` with the built-in model and clip, on this same machine.
"""

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict

import numpy as np

VIEWERS = (0, 1, 4, 8)
TURNS = 3
SECONDS = 8
COMMAND = "demo.webcam --model shapes --view web --port 0"


def main() -> None:
    command = [sys.executable, "-m", *COMMAND.split()]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = next(re.search(r"http://\S+", line) for line in process.stderr if "open " in line)
            measured = measure(url[0])
        finally:
            process.terminate()
    for viewers, rows in measured.items():
        fps, run_ms, each = np.median(rows, axis=0)
        print(f"{viewers} viewers: {fps:.1f} fps, network {run_ms:.2f} ms, {each:.1f} fps to each")


def measure(url: str) -> dict[int, list[tuple[float, float, float]]]:
    """By number of viewers: frames shown per second, network, images per second to each."""
    wait_until_it_runs(url)
    measured = defaultdict(list)
    for _ in range(TURNS):
        for viewers in VIEWERS:
            measured[viewers].append(measure_once(url, viewers))
    return measured


def wait_until_it_runs(url: str) -> None:
    while True:
        with contextlib.suppress(OSError):
            if status(url):
                return
        time.sleep(0.2)


def measure_once(url: str, viewers: int) -> tuple[float, float, float]:
    stopped, seen = threading.Event(), [0] * viewers
    threads = [threading.Thread(target=view, args=(url, seen, i, stopped)) for i in range(viewers)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    begun, before = time.monotonic(), sum(seen)
    statuses = []
    while time.monotonic() - begun < SECONDS:
        time.sleep(0.5)
        statuses.append(status(url))
    rate = (sum(seen) - before) / (time.monotonic() - begun) / max(viewers, 1)
    stopped.set()
    for thread in threads:
        thread.join()
    run_ms = np.median([one["stage_ms"]["run"] for one in statuses])
    return float(np.median([one["fps"] for one in statuses])), float(run_ms), rate


def view(url: str, seen: list[int], index: int, stopped: threading.Event) -> None:
    with urllib.request.urlopen(url + "stream.mjpg", timeout=10) as stream:
        while not stopped.is_set():
            seen[index] += stream.read(65536).count(b"\xff\xd8\xff")  # where a JPEG begins


def status(url: str) -> dict:
    with urllib.request.urlopen(url + "status.json", timeout=10) as answer:
        return json.load(answer)["status"]


if __name__ == "__main__":
    main()
