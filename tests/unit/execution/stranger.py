"""Somebody else on the machine who tries its ports: a process of an account without rights, where that can be had.

`python -m tests.unit.execution.stranger nobody|self PORT ...` prints what answered: an empty line where nobody did.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
NOBODY = 65534
PATIENCE_S = 3.0  # where the door is open, the answer comes in milliseconds
PAGES = ("/", "/health", "/metrics", "/status", "/info/main/workers.html", "/info/logs.html", "/json/counts.json")


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """Return where a process and all that it started listen, as address and port.

    The process of the tests listens for the tests before as well (a library keeps its sockets to its end): ask before
    the code in question runs, and leave out what was there.
    """
    found = set()
    for each in [process, *process.children(recursive=True)]:
        try:
            connections = each.net_connections("inet")
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended
            continue
        found |= {tuple(one.laddr) for one in connections if one.status == psutil.CONN_LISTEN or is_open_udp(one)}
    return found


def is_open_udp(connection: psutil._common.pconn) -> bool:
    return connection.type == 2 and bool(connection.laddr) and not connection.raddr  # socket.SOCK_DGRAM


def what_answers(account: str, ports: Iterable[int]) -> list[str]:
    """Have the account `nobody`, or this one without its certificates (`self`), try ports; return what it was told."""
    tried = subprocess.run(
        [sys.executable, "-m", "tests.unit.execution.stranger", account, *map(str, ports)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return tried.stdout.splitlines()


async def ask_scheduler(address: str, connection_args: dict[str, object]) -> str | None:
    """Return who is there, as every server of Dask says to whoever is let in."""
    from distributed.core import connect

    try:
        comm = await connect(address, **connection_args)
        await comm.write({"op": "identity", "reply": True})
        return f"{address}: {await comm.read()}"
    except (OSError, ValueError, RuntimeError):
        return None


async def ask_page(port: int, page: str) -> str | None:
    """Return what a page says; a page that is not there says nothing."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {page} HTTP/1.0\r\n\r\n".encode())
        answer = await reader.read(200)
        writer.close()
    except OSError:
        return None
    return f"{page}: {answer!r}" if b"404 Not Found" not in answer and answer.startswith(b"HTTP/") else None


async def ask_all(ports: list[int], foreign: dict[str, object]) -> list[str]:
    questions = [ask_scheduler(f"tcp://127.0.0.1:{port}", {}) for port in ports]
    questions += [ask_scheduler(f"tls://127.0.0.1:{port}", foreign) for port in ports]
    questions += [ask_page(port, page) for port in ports for page in PAGES]
    tasks = [asyncio.ensure_future(question) for question in questions]
    done, _pending = await asyncio.wait(tasks, timeout=PATIENCE_S)
    return [answer for task in done if (answer := task.result()) is not None]


async def print_answers(ports: list[int], foreign: dict[str, object]) -> None:
    sys.stdout.writelines(f"{answer}\n" for answer in await ask_all(ports, foreign))
    sys.stdout.flush()
    os._exit(0)  # Dask tries for ever where it is refused, and does not let itself be cancelled


def main() -> None:
    account, *ports = sys.argv[1:]
    import distributed.comm.tcp  # noqa: F401 - before the rights are gone: the modules may lie where nobody may look
    from distributed.security import Security

    foreign = Security.temporary().get_connection_args("client")  # certificates, but others
    if account == "nobody":
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    asyncio.run(print_answers([int(port) for port in ports], foreign))


if __name__ == "__main__":
    main()
