"""The server: on the loopback interface, whatever it is asked for, and ended within a second."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from closedloop.errors import ExecutionError
from closedloop.service.web.app import close_streams

_HERE = "127.0.0.1"
_END_S = 10.0
_MOST_CONNECTIONS = 256


class HeardOut(H11Protocol):
    """A connection on which requests come whole, or which is closed: those that say nothing keep nobody out."""

    most_s: ClassVar[float] = 20.0  # for a request to come; a browser here sends one at once

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look for requests."""
        super().connection_made(transport)
        self.loop.call_later(self.most_s, self._look, None)

    def _look(self, answered: RequestResponseCycle | None) -> None:
        """Close it where no request came since the last look, and none is being answered."""
        if self.transport.is_closing():
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.cycle is answered:
            self.transport.close()
        else:
            self.loop.call_later(self.most_s, self._look, self.cycle)


@contextmanager
def serving(app: FastAPI, *, port: int = 0, broke_off: Callable[[str], None] | None = None) -> Iterator[int]:
    """Serve the page on 127.0.0.1 from a thread; yield its port.

    Parameters
    ----------
    app
        The page.
    port
        Where; 0 for one that is free.
    broke_off
        Told why where the page's thread ends though nobody asked it to: nobody would see that it is not served.

    Raises
    ------
    ExecutionError
        Another program is there.
    """
    with _door(port) as door:
        config = uvicorn.Config(
            app,
            lifespan="on",
            loop="asyncio",
            http=HeardOut,
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=30,
        )
        server, loop = uvicorn.Server(config), asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop, server, door, broke_off), name="page", daemon=True)
        thread.start()
        try:
            yield int(door.getsockname()[1])  # it listens already: who asks before the thread is there waits for it
        finally:
            if not loop.is_closed():
                asyncio.run_coroutine_threadsafe(_end(app, server), loop)
            thread.join(_END_S)


def _door(port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((_HERE, port))
        door.listen(64)
    except OSError as error:
        door.close()
        raise ExecutionError(
            f"{_HERE}:{port}: expected a free port for the page, found it taken ({error.strerror}). "
            "End the other program, or choose another one by --port."
        ) from error
    return door


def _run(
    loop: asyncio.AbstractEventLoop,
    server: uvicorn.Server,
    door: socket.socket,
    broke_off: Callable[[str], None] | None,
) -> None:
    asyncio.set_event_loop(loop)
    why = "it ended by itself"
    try:
        loop.run_until_complete(server.serve(sockets=[door]))
        loop.run_until_complete(loop.shutdown_default_executor())
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
        if broke_off is None:
            raise
    finally:
        loop.close()
        if broke_off is not None and not server.should_exit:
            broke_off(why)


async def _end(app: FastAPI, server: uvicorn.Server) -> None:
    try:
        await close_streams(app.state.live)
    finally:
        server.should_exit = True
