"""What a path is that was given for a study and is none, in a line."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.study import StudyPaths
from closedloop.plain_text.printed import quoted


def no_study_line(root: Path) -> str:
    """Say what was found in the place of a study, and what to do."""
    from closedloop.artifacts.catalog import SESSION  # noqa: PLC0415 - all documents' classes come with it

    around = next((above for above in root.parents if StudyPaths(above).study.is_file()), None)
    if root.is_symlink():  # of what links lead to, one that leads to itself is left
        found, remedy = "a link that leads to itself", "Correct the link, or the path."
    elif not root.exists():
        found, remedy = "nothing there", "Make one with `closedloop init` or `closedloop dry-run`, or correct the path."
    elif around is not None:
        found, remedy = "a part of one", f"Give the study itself, {quoted(around)}."
    elif not root.is_dir():
        found, remedy = "a file", "Give the folder of a study."
    elif (root / SESSION.name).is_file():
        found, remedy = "the folder of one session", "Give the study's folder; for the session itself there is `rig`."
    else:
        found, remedy = (
            "no study.json in it",
            "Make a study with `closedloop init` or `closedloop dry-run`, or correct the path.",
        )
    return f"{root}: expected a study folder, found {found}. {remedy}"
