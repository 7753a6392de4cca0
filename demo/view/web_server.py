"""The web server of the demo's page: Werkzeug's, with a clean shutdown; blocks DNS rebinding."""

import contextlib
import functools
import ipaddress
import os
import re
import socket
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, get_interface_ip

from configs.errors import UserError
from demo.view.web_connections import Connections

_STALL_S = 10.0  # a viewer that takes nothing for so long is dropped
_QUEUE = 1024  # of those not yet accepted: where it is full, the next one waits for seconds
_PRIVATE = (".local", ".lan", ".home.arpa", ".internal", ".localdomain")  # no site can own these
_BUFFER_BYTES = 128 * 1024  # what waits in the socket of a slow viewer is old when it arrives


class PageServer(ThreadedWSGIServer):
    """Werkzeug's server with a clean shutdown: no thread and no connection outlives it.

    It answers only to names of this machine or, where it serves the network, of the network: a
    page of another site could otherwise reach it under a name of its own (DNS rebinding).
    """

    daemon_threads = False  # so that closing waits for them

    def __init__(self, host: str, port: int, app: Any) -> None:
        self._connections = Connections()
        with _listen(host, port) as listener:
            super().__init__(host, port, app, _Handler, fd=listener.fileno())
        address = str(self.server_address[0])
        self.is_private = _is_loopback(address)
        name = get_interface_ip(self.socket.family) if address in ("0.0.0.0", "::") else host
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{self.port}/"

    def knows(self, host: str) -> bool:
        """Whether `host`, as `name:port`, is a name that a request may be sent to."""
        name = re.sub(r":\d+$", "", host).strip("[]").lower()
        if name == self.host.lower() or _is_loopback(name):
            return True
        return not self.is_private and _is_of_network(name)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, where there is room for it."""
        if self._connections.admit(request, client_address[0]):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def service_actions(self) -> None:
        """What is done between two connections, and several times a second without."""
        self._connections.drop_late()

    def begin_answer(self, request: Any) -> None:
        """The request of a connection has been read."""
        self._connections.begin_answer(request)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection, and close it."""
        self._connections.forget(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Cut all connections, also those on which a thread waits for its viewer."""
        self._connections.hang_up()


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"  # streams without the extra small packets of chunks
    timeout = _STALL_S
    server: Any  # a PageServer

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin the answer, of the page or of the server itself."""
        self.server.begin_answer(self.connection)
        super().send_response(code, message)

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Say nothing of requests; faults of the program are logged by the server."""


def check_address(host: str, port: int) -> None:
    """Show, before any work is done, that a page can be served there.

    Raises:
        UserError: the port is taken, or the host is not one of this machine.
    """
    _listen(host, port).close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere it would share a port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits these.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(_QUEUE)
    except (OSError, OverflowError, UnicodeError) as error:
        listener.close()
        what = f"port {port} of {host}: {getattr(error, 'strerror', None) or error}"
        raise UserError(f"cannot serve the page on {what}; try another --port or --host") from error
    return listener


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _is_of_network(name: str) -> bool:
    """Whether no other site can own a name: an address, one without a domain, this machine's."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return bool(name) and ("." not in name or name.endswith(_PRIVATE) or name in _own_names())


@functools.cache  # it may ask a network that does not answer
def _own_names() -> frozenset[str]:
    return frozenset(name.lower() for name in (socket.gethostname(), socket.getfqdn()))
