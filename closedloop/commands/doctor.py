"""`closedloop doctor`: is this machine fit? Each check says what it found and, where it fails, how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_LEAST_FREE_BYTES = 3 << 30  # a dry run's study
_LEAST_MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class Check:
    """One check's outcome; `fix` is empty where nothing needs mending."""

    name: str
    result: Literal["PASS", "WARN", "FAIL"]
    found: str
    fix: str = ""


def check_machine() -> list[Check]:
    """Run all checks; one that raises has failed."""
    return [_guarded(name, check) for name, check in _CHECKS.items()]


def checks_as_json(checks: list[Check]) -> str:
    """Return the checks for machines."""
    return json.dumps([asdict(check) for check in checks], indent=2)


def checks_lines(checks: list[Check]) -> list[str]:
    """Return the checks for people, the fix under each that needs one."""
    lines = []
    for check in checks:
        lines.append(f"{check.result}  {check.name}: {check.found}")
        if check.fix:
            lines.append(f"      fix: {check.fix}")
    return lines


def _guarded(name: str, check: Callable[[str], Check]) -> Check:
    try:
        return check(name)
    except Exception as error:  # noqa: BLE001 - whatever breaks is what this command is there to say
        return Check(
            name, "FAIL", f"{type(error).__name__}: {error}", "reinstall with `make dry-run`, or see README.md"
        )


def _python(name: str) -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    return Check(name, "PASS" if fits else "FAIL", found, "" if fits else "use Python 3.11 or 3.12")


def _torch(name: str) -> Check:
    import torch  # noqa: PLC0415

    device = "cuda" if torch.cuda.is_available() else "cpu"
    product = float((torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum())
    return Check(name, "PASS" if product == 512 else "FAIL", f"{torch.__version__} on {device}")


def _free_disk(name: str) -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    fits = free >= _LEAST_FREE_BYTES
    return Check(
        name, "PASS" if fits else "WARN", f"{free / 1e9:.0f} GB free here", "" if fits else "free 3 GB for a dry run"
    )


def _memory(name: str) -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fits = total >= _LEAST_MEMORY_BYTES
    return Check(name, "PASS" if fits else "WARN", f"{total / 1e9:.0f} GB", "" if fits else "a dry run needs 3 GB")


def _file_system(name: str) -> Check:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    here = str(Path.cwd().resolve())
    _, kind = max(((point, kind) for point, kind in mounts if here.startswith(point)), key=lambda mount: len(mount[0]))
    network = kind.startswith(("nfs", "cifs", "smb", "fuse.sshfs"))
    fix = "keep the study on a local disk: SQLite's log is not safe on a network file system" if network else ""
    return Check(name, "WARN" if network else "PASS", kind, fix)


def _atomic_rename(name: str) -> Check:
    from closedloop.storage import publish_folder, write_bytes  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        working, final = Path(folder) / ".stage.partial", Path(folder) / "stage"
        for content in (b"first", b"second"):
            write_bytes(working / "file", content)
            publish_folder(working, final)
        same = (final / "file").read_bytes() == b"second"
    return Check(name, "PASS" if same else "FAIL", "write, sync, rename, replace")


def _hdf5(name: str) -> Check:
    import numpy as np  # noqa: PLC0415

    from closedloop.artifacts.arrays import read_arrays, write_arrays  # noqa: PLC0415
    from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES  # noqa: PLC0415

    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.h5"
        write_arrays(path, STIMULUS_IMAGES, {"images": images}, simulated=True)
        same = bool((read_arrays(path, STIMULUS_IMAGES)["images"] == images).all())
    return Check(name, "PASS" if same else "FAIL", "written and read back")


def _blackrock(name: str) -> Check:
    from datetime import UTC, datetime  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    from closedloop.blackrock.nsx.header import NsxChannel  # noqa: PLC0415
    from closedloop.blackrock.nsx.samples import open_samples  # noqa: PLC0415
    from closedloop.blackrock.nsx.writer import write_nsx  # noqa: PLC0415

    samples = np.arange(600, dtype=np.int16).reshape(300, 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.ns6"
        channels = [NsxChannel(1, "elec1"), NsxChannel(2, "elec2")]
        start = datetime(2022, 1, 1, tzinfo=UTC)
        write_nsx(path, channels, rate_hz=30_000, specification="2.3", chunks=[(0, samples)], start=start)
        same = bool((open_samples(path).read(0, 0, len(samples)) == samples).all())
    return Check(name, "PASS" if same else "FAIL", "an NSx file written and read back")


def _display(name: str) -> Check:
    if os.environ.get("DISPLAY"):
        return Check(name, "PASS", os.environ["DISPLAY"])
    if shutil.which("Xvfb"):
        return Check(name, "PASS", "none, but Xvfb is installed")
    return Check(
        name, "WARN", "none", "apt-get install xvfb, where the PsychoPy display is to be tried without a screen"
    )


def _shipped_weights(name: str) -> Check:
    from closedloop.models.checkpoints import load_classifier, shipped_names  # noqa: PLC0415

    for weights in shipped_names():
        load_classifier(weights)
    return Check(name, "PASS" if shipped_names() else "FAIL", ", ".join(shipped_names()))


_CHECKS: dict[str, Callable[[str], Check]] = {
    "Python": _python,
    "torch": _torch,
    "free disk": _free_disk,
    "memory": _memory,
    "file system": _file_system,
    "atomic rename": _atomic_rename,
    "HDF5": _hdf5,
    "Blackrock files": _blackrock,
    "display": _display,
    "shipped weights": _shipped_weights,
}
