"""What passed: for each test file, digests of all that it could reach when its fast tests last passed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FORM = 1
_KEPT = 20  # of one test file: as many branches may be gone to and come back from


@dataclass
class Record:
    """Digests by test file, the newest last, and of every file at the last check."""

    passed: dict[str, list[str]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)

    def has(self, test_file: str, key: str) -> bool:
        """Return whether the file's tests passed with just what they reach now."""
        return key in self.passed.get(test_file, ())

    def add(self, test_file: str, key: str) -> None:
        """Remember that they did."""
        keys = [each for each in self.passed.get(test_file, ()) if each != key]
        self.passed[test_file] = [*keys, key][-_KEPT:]


def read_record(path: Path) -> Record:
    """Return what is remembered; nothing where there is no record, or one that cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(content["passed"], content["last"]) if content["form"] == _FORM else Record()
    except (OSError, ValueError, KeyError, TypeError):
        return Record()


def write_record(path: Path, record: Record) -> None:
    """Replace the record, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"form": _FORM, "passed": record.passed, "last": record.last}), encoding="utf-8")
    new.replace(path)


def key_of(reached: Mapping[str, str], surroundings: Mapping[str, str]) -> str:
    """Return one digest of what a test file reaches and of what every test rests on."""
    lines = sorted(f"{digest} {path}" for path, digest in (*reached.items(), *surroundings.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:20]
