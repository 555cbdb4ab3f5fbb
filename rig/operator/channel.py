"""Messages between processes of one computer: each arrives whole or not at all, and nobody waits for a slow reader."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import parse_json

MOST_BYTES = 65_536

Message = dict[str, Any]


class Channel:
    """One end of a connection.

    Parameters
    ----------
    connection
        A socket that keeps messages apart (SOCK_SEQPACKET); it is never waited for from here on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self.is_open = True

    def fileno(self) -> int:
        """Return the number to wait for messages at."""
        return self._socket.fileno()

    def send(self, text: str) -> bool:
        """Send a message where there is room for it; return whether there was."""
        if not self.is_open:
            return False
        try:
            self._socket.send(text.encode())
        except BlockingIOError:
            return False
        except OSError:  # nobody is at the other end any more
            self.close()
            return False
        return True

    def receive(self) -> list[Message]:
        """Return the messages that have arrived; what is no JSON object of ours is dropped."""
        messages: list[Message] = []
        while self.is_open:
            try:
                content = self._socket.recv(MOST_BYTES)
            except BlockingIOError:
                break
            except OSError:
                content = b""
            if not content:
                self.close()
                break
            with suppress(DocumentError):
                message = parse_json(content, place="message")
                if isinstance(message, dict):
                    messages.append(message)
        return messages

    def close(self) -> None:
        """End the connection."""
        self.is_open = False
        self._socket.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new connection."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
