"""The test files to run now, and why each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.changed.reach import Reach
from tools.changed.record import Record, key_of
from tools.changed.tree import Tree

_NAMED = 12


@dataclass(frozen=True)
class Selection:
    """Of every file with fast tests, the key of all that it reaches, and why it is run, where it is."""

    keys: Mapping[str, str]
    reasons: Mapping[str, str]
    changed: tuple[str, ...]
    digests: Mapping[str, str]

    def explained(self) -> str:
        """Return what is run, why, and what is left out, for a person to read."""
        lines = []
        if self.changed:
            more = f" and {len(self.changed) - _NAMED} more" if len(self.changed) > _NAMED else ""
            lines.append(f"Changed since the last check: {', '.join(self.changed[:_NAMED])}{more}.")
        counts: dict[str, int] = {}
        for reason in self.reasons.values():
            counts[reason] = counts.get(reason, 0) + 1
        lines.append(f"{len(self.reasons)} of {len(self.keys)} files with fast tests are run.")
        lines += [f"  {n:4} {reason}" for reason, n in sorted(counts.items(), key=lambda each: -each[1])[:_NAMED]]
        lines.append(
            f"Left out: the slow tests, and {len(self.keys) - len(self.reasons)} files that passed and reach nothing"
            " that has changed since. `make test` has them all."
        )
        return "\n".join(lines) + "\n"


def select(root: Path, record: Record) -> Selection:
    """Compare the files of a checkout with what passed."""
    tree = Tree(root)
    reach = Reach(tree)
    surroundings = tree.surroundings
    now = tree.everything
    changed = (
        {path for path in {*now, *record.last} if now.get(path) != record.last.get(path)} if record.last else set()
    )
    keys: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for test_file in reach.test_files:
        if reached := reach.reached(test_file):
            keys[test_file] = key = key_of({path: tree.get(path, "") for path in reached}, surroundings)
            if not record.has(test_file, key):
                known = test_file in record.passed
                reasons[test_file] = _reason(changed & {*reached, *surroundings}, test_file, known=known)
    return Selection(keys, reasons, tuple(sorted(changed)), now)


def _reason(changed: set[str], test_file: str, *, known: bool) -> str:
    if not known:
        return "passed never yet, as far as is remembered here"
    if not changed:
        return "did not pass as they are, or reach what was deleted"
    if test_file in changed:
        return "were changed themselves"
    first = sorted(changed)
    return f"reach {first[0]}" + (f" and {len(first) - 1} more" if first[1:] else "")
