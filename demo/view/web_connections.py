"""Which connections the demo's page keeps: how many in all and from one address, and how long."""

import contextlib
import socket
import threading
import time

_MOST = 128  # connections; each has a thread
_MOST_OF_ONE = 64  # from one address, behind which there may be several viewers
_REQUEST_S = 10.0  # until a request has arrived as a whole
_BUSY = "503 Service Unavailable", "the page has too many connections; try again"
_LATE = "408 Request Timeout", "the request did not arrive in time"


class Connections:
    """The open connections of a server, told from several threads.

    Until its answer begins, a connection is unfinished: it may be one that never asks, or a byte
    now and then. Where there are too many, the oldest unfinished one makes room, so that those who
    ask at once are answered whatever the others do; who is answered is never cut off.
    """

    def __init__(self) -> None:
        self._addresses: dict[socket.socket, str] = {}
        self._deadlines: dict[socket.socket, float] = {}  # of the unfinished ones, oldest first
        self._lock = threading.Lock()

    def admit(self, connection: socket.socket, address: str) -> bool:
        """Keep a new connection if there is room, or room can be made; else it is refused (503).

        Args:
            connection: that waits for its request.
            address: of the machine it comes from.
        """
        with self._lock:
            is_one_too_many = list(self._addresses.values()).count(address) >= _MOST_OF_ONE
            if is_one_too_many or len(self._addresses) >= _MOST:
                unfinished = (
                    one
                    for one in self._deadlines
                    if not is_one_too_many or self._addresses[one] == address
                )
                oldest = next(unfinished, None)
                if oldest is None:
                    _refuse(connection, *_BUSY)
                    return False
                self._drop(oldest, *_BUSY)
            self._addresses[connection] = address
            self._deadlines[connection] = time.monotonic() + _REQUEST_S
        return True

    def begin_answer(self, connection: socket.socket) -> None:
        """The request is there: from now on the connection may take its time."""
        with self._lock:
            self._deadlines.pop(connection, None)

    def drop_late(self) -> None:
        """Refuse (408) those whose request should have been there by now."""
        with self._lock:
            now = time.monotonic()
            for late in [one for one, deadline in self._deadlines.items() if deadline < now]:
                self._drop(late, *_LATE)

    def forget(self, connection: socket.socket) -> None:
        """It is about to be closed."""
        with self._lock:
            self._addresses.pop(connection, None)
            self._deadlines.pop(connection, None)

    def hang_up(self) -> None:
        """Cut all of them, also those on which a thread waits for its viewer."""
        with self._lock:
            for connection in self._addresses:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _drop(self, connection: socket.socket, status: str, why: str) -> None:
        del self._addresses[connection], self._deadlines[connection]
        _refuse(connection, status, why)  # which also wakes up the thread that reads from it


def _refuse(connection: socket.socket, status: str, why: str) -> None:
    head = f"HTTP/1.0 {status}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError):
        connection.send(f"{head}{why}\n".encode())  # never waits: it is the first that is sent
        connection.shutdown(socket.SHUT_RDWR)
