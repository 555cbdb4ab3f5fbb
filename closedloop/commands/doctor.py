"""`closedloop doctor`: can this machine run closedloop? Each check returns what it found and, if it failed, the fix."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from closedloop.commands.extras import INSTALL, LIBRARIES, installation_hint
from closedloop.storage import resolved

_LEAST_FREE_BYTES = 3 << 30  # a dry run's study
_LEAST_MEMORY_BYTES = 3 << 30
_NETWORK = (
    *("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "gpfs", "beegfs", "ncpfs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "fuse.gvfsd-fuse", "vboxsf"),
)


@dataclass(frozen=True)
class MachineCheck:
    """The result of one check; `fix` is empty where nothing has to be fixed."""

    name: str
    result: Literal["PASS", "WARN", "FAIL"]
    found: str
    fix: str = ""


def check_machine() -> list[MachineCheck]:
    """Run all checks; a check that raises has failed."""
    return [_guarded(name, check) for name, check in _CHECKS.items()]


def checks_as_json(checks: list[MachineCheck]) -> str:
    """Return the results as JSON."""
    return json.dumps([asdict(check) for check in checks], indent=2)


def checks_lines(checks: list[MachineCheck]) -> list[str]:
    """Return the results as text, with the fix below each failed check."""
    lines = []
    for check in checks:
        lines.append(f"{check.result}  {check.name}: {check.found}")
        if check.fix:
            lines.append(f"      fix: {check.fix}")
    return lines


def _guarded(name: str, check: Callable[[str], MachineCheck]) -> MachineCheck:
    try:
        return check(name)
    except Exception as error:  # noqa: BLE001 - whatever breaks is what this command is there to find
        hint = installation_hint(error) if isinstance(error, ModuleNotFoundError) else None
        fix = hint or "reinstall with `make dry-run`, or see README.md"
        return MachineCheck(name, "FAIL", f"{type(error).__name__}: {error}", fix)


def _python(name: str) -> MachineCheck:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    return MachineCheck(name, "PASS" if fits else "FAIL", found, "" if fits else "use Python 3.11 or 3.12")


def _torch(name: str) -> MachineCheck:
    import torch  # noqa: PLC0415

    device = "cuda" if torch.cuda.is_available() else "cpu"
    product = float((torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum())
    return MachineCheck(name, "PASS" if product == 512 else "FAIL", f"{torch.__version__} on {device}")


def _free_disk(name: str) -> MachineCheck:
    free = shutil.disk_usage(Path.cwd()).free
    fits = free >= _LEAST_FREE_BYTES
    return MachineCheck(
        name, "PASS" if fits else "WARN", f"{free / 1e9:.0f} GB free here", "" if fits else "free 3 GB for a dry run"
    )


def _memory(name: str) -> MachineCheck:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fits = total >= _LEAST_MEMORY_BYTES
    return MachineCheck(
        name, "PASS" if fits else "WARN", f"{total / 1e9:.0f} GB", "" if fits else "a dry run needs 3 GB"
    )


def _file_system(name: str) -> MachineCheck:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    here = str(resolved(Path.cwd()))
    _, kind = max(((point, kind) for point, kind in mounts if here.startswith(point)), key=lambda mount: len(mount[0]))
    network = kind.startswith(_NETWORK)
    fix = "keep the study on a local disk: SQLite's log is not safe on a network file system" if network else ""
    return MachineCheck(name, "WARN" if network else "PASS", kind, fix)


def _atomic_rename(name: str) -> MachineCheck:
    from closedloop.storage import publish_folder, read_bytes, write_bytes  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        working, final = Path(folder) / ".stage.partial", Path(folder) / "stage"
        for content in (b"first", b"second"):
            write_bytes(working / "file", content)
            publish_folder(working, final)
        same = read_bytes(final / "file") == b"second"
    return MachineCheck(name, "PASS" if same else "FAIL", "write, sync, rename, replace")


def _hdf5(name: str) -> MachineCheck:
    import numpy as np  # noqa: PLC0415

    from closedloop.artifacts.arrays import read_arrays, write_arrays  # noqa: PLC0415
    from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES  # noqa: PLC0415

    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.h5"
        write_arrays(path, STIMULUS_IMAGES, {"images": images}, simulated=True)
        same = bool((read_arrays(path, STIMULUS_IMAGES)["images"] == images).all())
    return MachineCheck(name, "PASS" if same else "FAIL", "written and read back")


def _detection(name: str) -> MachineCheck:
    from closedloop.detection.loops.compiled import knows_numba, where_kept  # noqa: PLC0415

    if not knows_numba():
        fix = "install the numba of the lab extra: each detection takes seconds longer, with the same result"
        return MachineCheck(name, "WARN", "the loops are left to numba, whose insides are others than ours", fix)
    place = where_kept()
    if place is None:
        fix = "set NUMBA_CACHE_DIR to a folder that can be written: each detection compiles its loops again"
        return MachineCheck(name, "WARN", "no folder to keep the loops' machine code in", fix)
    return MachineCheck(name, "PASS", f"loops kept as machine code in {place}")


def _blackrock(name: str) -> MachineCheck:
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
    return MachineCheck(name, "PASS" if same else "FAIL", "an NSx file written and read back")


def _display(name: str) -> MachineCheck:
    if os.environ.get("DISPLAY"):
        return MachineCheck(name, "PASS", os.environ["DISPLAY"])
    if shutil.which("Xvfb"):
        return MachineCheck(name, "PASS", "none, but Xvfb is installed")
    return MachineCheck(
        name, "WARN", "none", "apt-get install xvfb, where the PsychoPy display is to be tried without a screen"
    )


def _service(name: str) -> MachineCheck:
    missing = [library for library in LIBRARIES["service"] if find_spec(library) is None]
    if missing:
        fix = f"{INSTALL[missing[0]]}: without it, `closedloop serve` has no page"
        return MachineCheck(name, "WARN", f"without {', '.join(missing)}", fix)
    return MachineCheck(name, "PASS", "the page of `closedloop serve` can be shown")


def _networks(name: str) -> MachineCheck:
    from closedloop.models.networks.zoo import TIMM, TORCHVISION, zoo_version  # noqa: PLC0415

    installed = {library: zoo_version(library) for library in (TORCHVISION, TIMM)}
    found = "own, module" + "".join(f", {library} {version}" for library, version in installed.items() if version)
    missing = [library for library, version in installed.items() if version is None]
    if not missing:
        return MachineCheck(name, "PASS", f"sources of networks: {found}")
    fix = f"{INSTALL[missing[0]]}, only where a protocol names {' or '.join(missing)} as the source of a network"
    return MachineCheck(name, "PASS", f"sources of networks: {found}; not {', '.join(missing)}", fix)


def _shipped_weights(name: str) -> MachineCheck:
    from closedloop.models.checkpoints import load_classifier  # noqa: PLC0415
    from closedloop.models.shipped import shipped_names  # noqa: PLC0415

    for weights in shipped_names():
        load_classifier(weights)
    return MachineCheck(name, "PASS" if shipped_names() else "FAIL", ", ".join(shipped_names()))


_CHECKS: dict[str, Callable[[str], MachineCheck]] = {
    "Python": _python,
    "torch": _torch,
    "free disk": _free_disk,
    "memory": _memory,
    "file system": _file_system,
    "atomic rename": _atomic_rename,
    "HDF5": _hdf5,
    "Blackrock files": _blackrock,
    "detection": _detection,
    "display": _display,
    "live page": _service,
    "shipped weights": _shipped_weights,
    "networks": _networks,
}
