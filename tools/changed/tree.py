"""The files of the checkout by path, each with a digest of its bytes, and what surrounds them."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

PACKAGES = ("closedloop", "rig", "tools", "benchmarks", "tests")
_PROSE = "docs"


class Tree(Mapping[str, str]):
    """Digests by path: of what git follows and of what it could, not of what it ignores, nor of what is deleted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode().split("\0")
        self._digests = {path: _digest(root / path) for path in sorted(set(listed)) if (root / path).is_file()}

    def __getitem__(self, path: str) -> str:
        return self._digests[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.root / path).read_text(encoding="utf-8")

    @cached_property
    def folders(self) -> Mapping[str, tuple[str, ...]]:
        """What lies below each folder, however deep."""
        below: dict[str, list[str]] = {}
        for path in self:
            for folder in PurePosixPath(path).parents:
                below.setdefault(folder.as_posix(), []).append(path)
        return {folder: tuple(paths) for folder, paths in below.items()}

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """The path of every module of ours, by name."""
        found = {}
        for path in self:
            pure = PurePosixPath(path)
            if pure.suffix == ".py" and pure.parts[0] in PACKAGES:
                parts = pure.with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    @cached_property
    def surroundings(self) -> Mapping[str, str]:
        """What every test rests on: data and settings of ours, Python, and the packages that are installed."""
        packages = sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))
        outside = {
            "Python": f"{sys.version} {platform.platform()}",
            "packages": hashlib.sha256("\n".join(packages).encode()).hexdigest(),
        }
        return outside | {path: digest for path, digest in self.items() if _is_everybodys(PurePosixPath(path))}

    @property
    def everything(self) -> dict[str, str]:
        """Every file and what surrounds them."""
        return {**self, **self.surroundings}


def _is_everybodys(path: PurePosixPath) -> bool:
    """Whether a file's readers are unknown: no module, no prose, and in no package but the tests'."""
    if path.suffix in (".py", ".pyi") and path.parts[0] in PACKAGES:
        return False
    if path.parts[0] == _PROSE or (path.suffix == ".md" and len(path.parts) == 1):
        return False
    return path.parts[0] not in PACKAGES or path.parts[0] == "tests"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]
