"""The tree of a study's folder in docs/files.md, written from the catalog: ``python -m tools.study_tree``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from closedloop.artifacts.catalog import CATALOG, files_of
from closedloop.artifacts.study import GATES_FOLDER, INPUTS, REPORT_PAGES, STAGES, START, StudyPaths

COMMAND = "python -m tools.study_tree"
TREE_START, TREE_END = f"<!-- tree: {COMMAND} -->", "<!-- end of tree -->"


def tree() -> str:
    """Return the tree of a study's folder, a line a file, as docs/files.md shows it."""
    lines = ["STUDY/", *(_line(1, name, holds) for name, holds in _STUDY_FILES)]
    lines += [_line(1, f"{INPUTS}/", "what the study is made from and does not hold"), *_files(2, INPUTS)]
    lines.append(_line(1, f"{START}/", "what day 0 begins with"))
    lines += [_line(2, file.name, file.holds) for file in CATALOG if file.handed_on]
    lines.append(_line(1, "day-00/", "a recording day; day-01/ and so on"))
    for stage in STAGES:
        lines += [_line(2, f"{stage}/", _FOLDERS.get(stage, "")), *_files(3, stage)]
    lines.append(_line(2, f"{GATES_FOLDER}/", "go or no-go, of no stage"))
    lines += [_line(3, name, holds) for name, holds in _GATE_REPORTS.items()]
    lines.append(_line(2, "replaced/", "recordings that were replaced, and what was made again after it was shown"))
    return "\n".join([*lines, _line(1, f"{REPORT_PAGES}/", ""), *_files(2, REPORT_PAGES)]) + "\n"


_STUDY = StudyPaths(Path())
_STUDY_FILES = (
    (_STUDY.protocol.name, "the experiment, as the study was made with it"),
    (_STUDY.study.name, "subject, simulated or real, versions"),
    (_STUDY.metadata.name, "animal, arrays, people; by `closedloop new` or by hand"),
    (_STUDY.checklist.name, "what the first day needs, by `closedloop new`"),
    (_STUDY.answers.name, "what it was told"),
    (_STUDY.rehearsal.name, "what the copy rehearses; only in one of `closedloop rehearse`"),
    (_STUDY.amendments.name, "what people decided since: who, when, why"),
    (_STUDY.ledger.name, "which stage of which day is done, from which inputs"),
)
_GATE_REPORTS = {
    "preflight.json": "what was found before the session was shown",
    "intake.json": "what was found when it was ingested",
    "review.json": "what was found when it was evaluated",
}
_FOLDERS = {"schedule": "travels to the rig", "present": "comes back from it"}
_HOLDS_AT = 36  # column


def _files(depth: int, stage: str) -> Iterator[str]:
    return (_line(depth, file.name, file.holds) for file in files_of(stage))


def _line(depth: int, name: str, holds: str) -> str:
    return f"{'  ' * depth + name:<{_HOLDS_AT}}{holds}".rstrip()


def with_tree(text: str) -> str:
    """Return the text of docs/files.md with the tree of this table between its two marks."""
    before, rest = text.split(TREE_START)
    return f"{before}{TREE_START}\n```\n{tree()}```\n{TREE_END}{rest.split(TREE_END)[1]}"


if __name__ == "__main__":
    page = Path("docs/files.md")
    page.write_text(with_tree(page.read_text()))
