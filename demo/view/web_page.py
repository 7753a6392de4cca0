"""A web page with the live frames, for a machine without a screen: `--view web`.

The page itself is `page.html`: it shows the newest frame, what was found in it and the figures,
and sends back what the user changes. A frame is encoded when the first viewer asks for it, in
the thread that serves that viewer, and once however many there are; each gets the newest, at its
own pace.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from werkzeug.exceptions import HTTPException, abort
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from demo.view.controls import Controls
from demo.view.web_server import PageServer
from demo.view.web_token import Token
from detector.draw import class_colour

_PERIOD_S = 1 / 30  # between two frames of a stream, at least
_REPEAT_S = 1.0  # a frame that stands still is sent again: so a closed connection is noticed
_MOST_BYTES = 16 * 1024  # of what a page sends
_POLL_S = 0.05
_QUALITY = 85  # JPEG
_BOUNDARY = b"--frame\r\n"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(eq=False)
class _Shown:
    """What is on the page: an image, encoded at most once, and what is known of it."""

    number: int
    image: np.ndarray
    status: Mapping[str, Any]
    _jpeg: bytes = b""
    _encoding: threading.Lock = field(default_factory=threading.Lock)

    def jpeg(self) -> bytes:
        with self._encoding:
            if not self._jpeg:
                bgr = cv2.cvtColor(self.image, cv2.COLOR_RGB2BGR)
                _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
                self._jpeg = data.tobytes()
        return self._jpeg


class Page:
    """A web page on which to watch and steer; a context manager that serves it.

    Args:
        controls: what the page shows and changes, from threads of its own.
        host: name or address to serve at; "0.0.0.0" or "::" for all of this machine.
        port: 0 takes any that is free.
        with_token: where other machines can reach it, answer only those who have the token.

    Attributes:
        url: to open in a browser; with the token, if there is one.
        is_open: other machines can reach it.

    Raises:
        UserError: the port is taken, or the host is not one of this machine.
    """

    def __init__(self, controls: Controls, host: str, port: int, with_token: bool = True) -> None:
        self._controls = controls
        self._html = Path(__file__).with_name("page.html").read_bytes()
        self._run = secrets.token_hex(4)  # by it a page notices that another run answers
        self._frame: _Shown | None = None
        self._viewers = 0
        self._changed = threading.Condition()  # guards the two above
        self._closing = threading.Event()
        read = {"": self._page, "status.json": self._status}
        read |= {"stream.mjpg": self._stream, "snapshot.jpg": self._snapshot}
        rules = [Rule(f"/{name}", endpoint=do, methods=["GET"]) for name, do in read.items()]
        rules.append(Rule("/controls", endpoint=self._change, methods=["POST"]))
        self._routes = Map(rules, merge_slashes=False)
        self._server = server = PageServer(host, port, self._answer)
        self._thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
        self.is_open = not server.is_private
        self._token = Token(server.port) if self.is_open and with_token else None
        self.url = f"{server.url}?token={self._token.text}" if self._token else server.url

    def show(self, image: np.ndarray, status: Mapping[str, Any]) -> None:
        """Show a frame and what is known of it, in place of the one before; never waits.

        Args:
            image: uint8 `(H, W, 3)`, RGB.
            status: what JSON can say. The page shows `fps`, `latency_ms`, `stage_ms` (by stage),
                `detections` (each with `name`, `score` and perhaps `track`), `counts` (by what is
                counted), `model`, `source`, `recording` and `note`, as far as they are there.
                Both are kept, not copied: they must not be changed afterwards.
        """
        with self._changed:
            number = self._frame.number + 1 if self._frame else 1
            self._frame = _Shown(number, image, status)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; False, as no key of a page goes on to the next frame."""
        self._closing.wait(seconds)
        return False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.hang_up()
        self._thread.join()

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = _MOST_BYTES
        try:
            if not self._server.knows(request.host):
                abort(400, "this is no name of the page; open its address, or start it with --host")
            response = self._token.check(request) if self._token else None
            if response is None:
                endpoint, _ = self._routes.bind_to_environ(environ).match()
                response = endpoint(request)
        except HTTPException as error:
            response = Response(f"{error.description}\n", error.code, mimetype="text/plain")
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _page(self, _: Request) -> Response:
        return Response(self._html, mimetype="text/html")

    def _status(self, _: Request) -> Response:
        frame, controls = self._frame, self._controls
        classes = [
            {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*class_colour(label))}
            for label, name in enumerate(controls.names)
        ]
        return _json(
            {
                "run": self._run,
                "frame": frame.number if frame else None,
                "status": frame.status if frame else {},
                "controls": controls.state(),
                "classes": classes,
                "viewers": self._viewers,
            }
        )

    def _change(self, request: Request) -> Response:
        own = [f"{scheme}://{request.host}" for scheme in ("http", "https")]
        if request.headers.get("Origin", own[0]) not in own:  # only scripts send none
            abort(403, "changes sent by pages of other sites are refused")
        if request.mimetype != "application/json":
            abort(415, "a change must be sent as application/json")
        try:
            self._controls.change(json.loads(request.get_data()))
        except (ValueError, RecursionError) as error:  # no JSON, or no change we know
            abort(400, f"bad change: {' '.join(str(error).split())}")
        return _json(self._controls.state())

    def _snapshot(self, _: Request) -> Response:
        name = time.strftime("snapshot-%Y%m%d-%H%M%S.jpg")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(self._current().jpeg(), headers=headers, mimetype="image/jpeg")

    def _stream(self, _: Request) -> Response:
        self._current()
        return Response(self._parts(), content_type="multipart/x-mixed-replace; boundary=frame")

    def _current(self) -> _Shown:
        if not self._frame:
            abort(503, "there is no frame yet")
        return self._frame

    def _parts(self) -> Iterator[bytes]:
        with self._changed:
            self._viewers += 1
        try:
            yield _BOUNDARY
            seen, due = 0, 0.0
            while frame := self._newer_than(seen):
                jpeg, seen = frame.jpeg(), frame.number
                head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                # Browsers show a frame when they see the boundary after it.
                yield b"".join((head, jpeg, b"\r\n", _BOUNDARY))
                now = time.monotonic()
                due = max(due, now - _PERIOD_S) + _PERIOD_S
                self._closing.wait(due - now)
        finally:
            with self._changed:
                self._viewers -= 1

    def _newer_than(self, number: int) -> _Shown | None:
        """The newest frame, once it is another one or it is time to repeat it; None at the end."""
        is_over = self._closing.is_set
        with self._changed:
            self._changed.wait_for(lambda: is_over() or self._current().number > number, _REPEAT_S)
            return None if is_over() else self._frame


def _json(values: Mapping[str, Any]) -> Response:
    return Response(json.dumps(values, allow_nan=False), mimetype="application/json")
