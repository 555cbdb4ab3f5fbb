"""`closedloop` as a process that need not import anything: a child of one that has imported what commands import.

A command's own second is spent in a few tens of milliseconds; the two to four before it, on torch and its like, are
spent once. The process is another one than the test's, with its own output, folder and exit code, and reads all files
anew. It differs from one that a shell starts in its imports and in the seed of its hashes alone: who tests those
starts `command(...)`, and `test_nothing_listens` starts every command so.

Run as a program, this module is that process: it reads a request a line, JSON, and answers with a line each.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from tools.faults.server import IMPORTS

MORE_IMPORTS = ("torch", "safetensors.torch", "matplotlib.figure", "closedloop.report.pages", "closedloop.training")
MODULE = "closedloop.cli"
_START_S = 300.0


class PreparedCommands:
    """The process that has imported everything; begun when it is first needed, and again when it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], cwd: Path | None, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, as `subprocess.run` would; raise `subprocess.TimeoutExpired` as it does."""
        words = [sys.executable, "-m", MODULE, *arguments]
        with tempfile.TemporaryDirectory() as folder:
            said = {name: str(Path(folder) / name) for name in ("stdout", "stderr")}
            request = {"words": words, "cwd": str(cwd or Path.cwd()), "environment": dict(environment), **said}
            try:
                code = self._ask(request, environment, timeout_s=timeout_s)
            except BaseException:  # the test was ended: nobody waits for its command any more
                self.end()
                raise
            if code is None:
                self.end()
                raise subprocess.TimeoutExpired(words, timeout_s)
            out, err = (Path(said[name]).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(words, code, out, err)

    def _ask(self, request: Mapping[str, object], environment: Mapping[str, str], *, timeout_s: float) -> int | None:
        process = self._begun(environment)
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer = _answer(process, within_s=timeout_s)
        return None if answer is None else int(answer)

    def _begun(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.end()  # somebody else's doing: no command was under way
        if self._process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
            words = [sys.executable, "-m", "tests.equipment.prepared_commands"]
            root = Path(__file__).parents[2]
            path = os.pathsep.join([*filter(None, [environment.get("PYTHONPATH")]), str(root)])
            own = dict(environment) | {"PYTHONPATH": path}
            self._process = subprocess.Popen(words, env=own, cwd=root, start_new_session=True, **pipes)
            assert _answer(self._process, within_s=_START_S) == "ready"
        return self._process

    def end(self) -> None:
        """End it, and the command that it runs with all that this one started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


def _answer(process: subprocess.Popen[bytes], *, within_s: float) -> str | None:
    """Return the next line; None where there is none in time. It comes whole: it is shorter than a pipe is long."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], within_s)[0]:
        return None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the process that commands are children of ended with code {process.wait()}")
    return line.decode().strip()


def serve() -> None:
    """Answer requests until there are no more."""
    for name in (*IMPORTS, *MORE_IMPORTS):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else every child goes through what was imported, and gets a copy of it
    requests = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - a child must not share what was read ahead
    os.write(1, b"ready\n")
    while line := requests.readline():
        child = os.fork()
        if child == 0:
            _end(_child(json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, f"{code}\n".encode())


def _end(code: int) -> NoReturn:
    """End as Python does, but for taking all modules apart: that takes as long as many a command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _child(request: dict[str, object]) -> int:
    words, environment = request["words"], request["environment"]
    assert isinstance(words, list)
    assert isinstance(environment, dict)
    for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        descriptor = os.open(str(path), os.O_RDWR | (os.O_CREAT if number else 0))
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(environment)
    sys.orig_argv, sys.argv = words, [MODULE, *words[3:]]
    try:
        importlib.import_module(MODULE).main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    serve()
