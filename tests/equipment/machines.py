"""Machines of a cluster in one: network namespaces that reach a hub alone, and do not see each other's files.

The hub has the client, the scheduler and the store. Root is needed, and Linux; where a namespace cannot be made, tests
that want machines are skipped.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.equipment.processes import Child
from tests.equipment.two_heads import wait_until

HUB = "10.77.0.1"
_ROOT = Path(__file__).parents[2]
_HIDE = 'for folder in $HIDDEN; do mount -t tmpfs none "$folder" || exit 9; done; unset HIDDEN; exec "$@"'
_DASK = "import sys; from distributed.cli.dask_{0} import main; sys.exit(main())"
_STORE = """
import sys
from pathlib import Path
import boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address=sys.argv[1], port=0, verbose=False)
server.start()
url = "http://{}:{}".format(*server.get_host_and_port())
boto3.client("s3", endpoint_url=url).create_bucket(Bucket="bucket")
Path(sys.argv[2]).with_suffix(".half").write_text(url)
Path(sys.argv[2]).with_suffix(".half").rename(sys.argv[2])
sys.stdin.read()
"""
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


def kill(process: Child[bytes]) -> None:
    """End a process at once, as a machine that loses power does."""
    process.kill()
    with process:  # waits for it, and closes what led to it
        pass


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Machines:
    """A hub and some machines around it.

    Attributes
    ----------
    names
        Namespaces: the hub's first.
    hidden
        Folders that machines other than the hub have empty.
    """

    names: tuple[str, ...]
    hidden: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Child[bytes]] = field(default_factory=list)

    def command(self, number: int, *words: str | Path) -> list[str]:
        """Return a command line that runs on a machine; number 0 is the hub."""
        line = ["ip", "netns", "exec", self.names[number]]
        line += ["unshare", "-m", "sh", "-c", _HIDE, "sh"] if number else []
        return [*line, *map(str, words)]

    def start(self, number: int, *words: str | Path, cwd: Path, **options: int) -> Child[bytes]:
        """Start a process on a machine."""
        hidden = {"HIDDEN": " ".join(map(str, self.hidden))} if number else {}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.PIPE} | options
        process = Child[bytes](
            self.command(number, *words), cwd=cwd, env=os.environ | self.environment | hidden, **quiet
        )
        self.started.append(process)
        return process

    @contextlib.contextmanager
    def store(self, folder: Path) -> Iterator[str]:
        """Run an object store on the hub; it forgets all when it ends.

        Yields
        ------
        str
            Its URL; a bucket ``bucket`` is there.
        """
        told = folder / "store.url"
        with self.start(0, sys.executable, "-c", _STORE, HUB, told, cwd=folder) as process:
            wait_until(told.exists, "a store on the hub")
            yield told.read_text()
            kill(process)

    def scheduler(self, folder: Path) -> tuple[Child[bytes], str]:
        """Start a Dask scheduler on the hub; return it with its address."""
        told = folder / f"{uuid.uuid4().hex}.json"
        process = self.start(
            0,
            *(sys.executable, "-c", _DASK.format("scheduler"), "--host", HUB, "--port", "0"),
            *("--dashboard-address", "127.0.0.1:0", "--scheduler-file", told),
            cwd=folder,
        )
        wait_until(lambda: told.exists() and told.read_text().endswith("}"), "a scheduler on the hub")
        return process, json.loads(told.read_text())["address"]

    def worker(self, number: int, address: str, folder: Path) -> Child[bytes]:
        """Start a Dask worker on a machine, with a folder of its own that nobody hides."""
        own = folder / f"machine-{number}"
        own.mkdir(exist_ok=True)
        return self.start(
            number,
            *(sys.executable, "-c", _DASK.format("worker"), address, "--nthreads", "1", "--no-nanny"),
            *("--dashboard-address", "127.0.0.1:0", "--local-directory", own),
            cwd=own,
        )


@contextlib.contextmanager
def machines(n: int, *, hidden: Sequence[Path], environment: Mapping[str, str]) -> Iterator[Machines]:
    """Make a hub and machines around it; skip the test where that cannot be.

    Parameters
    ----------
    n
        Machines besides the hub.
    hidden
        Folders of the hub's that they do not see.
    environment
        Of all processes.
    """
    own = uuid.uuid4().hex[:8]
    names = tuple(f"closedloop-{own}-{number}" for number in range(n + 1))
    if sys.platform != "linux" or os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs root, and `ip` of iproute2")
    with contextlib.ExitStack() as stack:
        try:
            for name in names:
                _ip("netns", "add", name)
                stack.callback(subprocess.run, ["ip", "netns", "delete", name], check=False, capture_output=True)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", names[0], "address", "add", f"{HUB}/32", "dev", "lo")
            for number, name in enumerate(names[1:], start=1):
                _ip("-n", names[0], "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
                for place, link, host in ((names[0], f"to{number}", 1), (name, "eth0", 2)):
                    _ip("-n", place, "address", "add", f"10.77.{number}.{host}/30", "dev", link)
                    _ip("-n", place, "link", "set", link, "up")
                _ip("-n", name, "route", "add", "default", "via", f"10.77.{number}.1")
            subprocess.run([*Machines(names, ()).command(1, "true")], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no namespaces here: {error.stderr.decode().strip()}")
        ready = {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "MKL_CBWR": "AUTO", **KEYS, **environment}
        made = Machines(names, tuple(hidden), ready)
        try:
            yield made
        finally:
            for process in made.started:
                kill(process)
