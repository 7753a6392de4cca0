"""Prints how the live demo fares with a stream that drops, stalls and changes size: `make proofs`.

    python -m tests.bench.bench_stream [MINUTES]

A ring crosses the view every eight seconds, sent as MJPEG over HTTP at 10 frames per second. Every
20 to 60 s, at random, the server closes the connection, is gone for a while, sends nothing for a
while, or goes on in another size. The demo counts what crosses its middle. Every crossing that was
sent without a fault must be one event, at the right time on both of its clocks; nothing else may
be one; and memory must not grow. Exits with 1 where that does not hold.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

FPS = 10.0
TURN_S, VISIBLE_S = 8.0, 5.0
SIZES = ((320, 240), (480, 270), (256, 320), (400, 300))
CLEAR_S = 3.5  # after a fault, and before one, in which a crossing is not judged
APART_S = 3.0  # from a crossing, what is not it
LATE_S = 1.0  # how far an event may lie from the truth
ENDING_S = 60.0  # in which the demo has to end
GROWTH = 1.05  # of memory, from the second quarter of the time to the last


@dataclass
class Scene:
    """What is to be seen when, and what befalls the stream.

    Attributes:
        begun: `time.time()` of second 0.
        size_wh: of the images, now.
        silent_until: seconds; no image is sent before.
        closed_until: seconds; no connection is served before.
        faults: when each happened and for how long, seconds, and which.
    """

    begun: float = field(default_factory=time.time)
    size_wh: tuple[int, int] = SIZES[0]
    silent_until: float = 0.0
    closed_until: float = 0.0
    faults: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Seconds."""
        return time.time() - self.begun

    def image(self) -> np.ndarray:
        """What is to be seen now, uint8 `(H, W, 3)`."""
        width, height = self.size_wh
        image = np.full((height, width, 3), (214, 224, 228), np.uint8)
        at = self.now % TURN_S
        if at < VISIBLE_S:
            radius = height // 6
            x = round(radius + (width - 2 * radius) * at / VISIBLE_S)
            cv2.circle(image, (x, height // 2), radius, (136, 60, 32), 8, cv2.LINE_AA)
        return image

    def upset(self, random: np.random.Generator) -> None:
        """Let one fault happen."""
        kind = str(random.choice(["drop", "gone", "stall", "size"]))
        seconds = {"drop": 0.0, "size": 0.0}.get(kind, float(random.uniform(2, 20)))
        now = self.now
        self.faults.append((now, seconds, kind))
        if kind == "stall":
            self.silent_until = now + seconds
        elif kind == "size":
            others = [size for size in SIZES if size != self.size_wh]
            self.size_wh = others[random.integers(len(others))]
        else:
            self.closed_until = now + seconds + 1e-3

    def crossings(self, until: float) -> Iterator[float]:
        """When the ring was in the middle, seconds."""
        at = VISIBLE_S / 2
        while at < until:
            yield at
            at += TURN_S


def serve(scene: Scene) -> ThreadingHTTPServer:
    """An MJPEG server of the scene on loopback; the caller shuts it down."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            opened = scene.now
            if opened < scene.closed_until:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                while scene.closed_until <= opened:
                    if scene.now >= scene.silent_until:
                        data = cv2.imencode(".jpg", scene.image())[1].tobytes()
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                        self.wfile.write(head.encode() + b"\r\n\r\n" + data + b"\r\n")
                    time.sleep(1 / FPS)
            except OSError:
                pass  # who looked has gone

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run(minutes: float, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Let the demo watch the stream for so long; what came of it, by name."""
    random, scene, memory = np.random.default_rng(seed), Scene(), []
    server = serve(scene)
    url = f"http://127.0.0.1:{server.server_address[1]}/stream"
    command = [sys.executable, "-m", "demo.webcam", "--source", url, "--model", "shapes"]
    command += ["--runtime", "tflite-int8", "--threads", "1", "--headless"]
    command += ["--count-line", "0.5,0,0.5,1", "--events", f"{folder}/events.csv"]
    command += ["--json", f"{folder}/found.json", "--save", f"{folder}/seen.mp4"]
    with (folder / "log.txt").open("w") as log:
        # One that does not end is aborted, and says where it was.
        environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
        child = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            ready = _wait_for(folder / "events.csv", child, scene)
            process, next_fault = psutil.Process(child.pid), ready + 20.0
            while scene.now < ready + 60 * minutes and child.poll() is None:
                time.sleep(1)
                memory.append(process.memory_info().rss / 2**20)
                if scene.now >= next_fault:
                    scene.upset(random)
                    next_fault = scene.now + float(random.uniform(20, 60))
            ended = scene.now
            child.terminate()  # SIGINT may be ignored: in the background of a shell it is
            code = _end(child)
        finally:
            child.kill()
            server.shutdown()
            server.server_close()
    figures = _judge(scene, ready, ended, folder, memory)
    return figures | {"exit": code, "good": figures["good"] and code == 0}


def _end(child: subprocess.Popen[bytes]) -> int:
    """The exit code, once it has ended or been aborted."""
    try:
        return child.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)
        return child.wait()


def _wait_for(file: Path, child: subprocess.Popen[bytes], scene: Scene) -> float:
    """Until the demo has seen its first frame; the second."""
    while not file.exists():
        if child.poll() is not None:
            raise SystemExit(f"the demo ended with {child.returncode}")
        time.sleep(0.1)
    return scene.now


def _judge(
    scene: Scene, ready: float, ended: float, folder: Path, memory: list[float]
) -> dict[str, Any]:
    with (folder / "events.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["event"].startswith("cross")]
    clocks = [datetime.fromisoformat(row["clock"]).timestamp() - scene.begun for row in rows]
    # A crossing that a fault touched may be seen or not; an event far from any crossing may not.
    everyone = np.array(list(scene.crossings(ended)))
    truth = [at for at in everyone if _is_clear(scene, at, ready, ended)]
    near = {at: [i for i, clock in enumerate(clocks) if abs(clock - at) < APART_S] for at in truth}
    found = [(at, ids[0]) for at, ids in near.items() if ids]
    late = np.array([clocks[i] - at for at, i in found])
    drift = np.array([float(rows[i]["time"]) - at for at, i in found])
    drift -= np.median(drift) if found else 0  # the source's clock begins with its first frame
    strays = sum(np.abs(everyone - clock).min() > APART_S for clock in clocks)
    frames = json.loads((folder / "found.json").read_text(encoding="utf-8"))["images"]
    quarters = [round(float(np.median(part)), 1) for part in np.array_split(memory, 4)]
    good = len(truth) == len(found) == sum(map(len, near.values())) and found and not strays
    return {
        "minutes": round((ended - ready) / 60, 1),
        "faults": dict(Counter(kind for *_, kind in scene.faults)),
        "frames": len(frames),
        "crossings": len(truth),
        "missed": len(truth) - len(found),
        "twice": sum(len(ids) > 1 for ids in near.values()),
        "strays": int(strays),
        "late_s": _range(late),
        "drift_s": _range(drift),
        "memory_mb": quarters,
        "good": bool(good)
        and max(*np.abs(late), *np.abs(drift)) < LATE_S
        and quarters[3] < GROWTH * quarters[1],
    }


def _range(values: np.ndarray) -> list[float]:
    """The least, the median and the greatest."""
    return [round(float(np.quantile(values, part)), 2) for part in (0, 0.5, 1) if len(values)]


def _is_clear(scene: Scene, at: float, ready: float, ended: float) -> bool:
    """Whether no fault came near a crossing; one that ends is over when the demo is back."""
    if not ready + CLEAR_S < at < ended - CLEAR_S:
        return False
    # Between two tries to open it again the demo waits for up to 30 s.
    return all(
        at + CLEAR_S < begin or at > begin + 2 * seconds + CLEAR_S + (0 if kind == "size" else 12)
        for begin, seconds, kind in scene.faults
    )


def main() -> None:
    minutes = float(sys.argv[1]) if sys.argv[1:] else 60.0
    folder = Path(tempfile.mkdtemp())
    figures = run(minutes, folder)
    print("\n".join((folder / "log.txt").read_text(encoding="utf-8").splitlines()[-6:]))
    if figures["good"]:
        shutil.rmtree(folder)
    else:
        print(f"log, events, JSON and recording stay in {folder}")
    for name, value in figures.items():
        print(f"{name:10} {value}")
    sys.exit(0 if figures["good"] else 1)


if __name__ == "__main__":
    main()
