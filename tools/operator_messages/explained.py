"""What was written by hand about each message: one YAML file a group in `explained/`, in the order of their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.operator_messages.patterns import literal_parts

FOLDER = Path(__file__).parent / "explained"
PASSED_ON_NAME = "passed_on.yaml"

_KEYS = {"says", "means", "do", "in"}
_REMEDY = re.compile(r"\. \S")


class ExplanationError(Exception):
    """A file of explanations is not as it must be."""


@dataclass(frozen=True)
class Explanation:
    """One message, explained.

    Attributes
    ----------
    says
        Its words, those that are filled in in braces.
    means
        What it means, or why it comes.
    do
        What to do; empty where the message itself says all.
    elsewhere
        The file outside of the rig that says it, for what is not looked for in the code.
    """

    says: str
    means: str
    do: str = ""
    elsewhere: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """Its literal parts, by which it is known."""
        return literal_parts(self.says)

    @property
    def says_what_to_do(self) -> bool:
        """Whether a sentence of the message follows on what was found."""
        return _REMEDY.search(self.says) is not None


@dataclass(frozen=True)
class Group:
    """Messages of one situation.

    Attributes
    ----------
    path
        Its file.
    title, about
        Its heading, and what holds for all of it.
    messages
        In the order to be shown.
    """

    path: Path
    title: str
    about: str
    messages: tuple[Explanation, ...]

    @property
    def anchor(self) -> str:
        """The address of its heading: the name of its file, without the number that it is sorted by."""
        return self.path.stem.partition("_")[2].replace("_", "-")


def read_groups(folder: Path = FOLDER) -> list[Group]:
    """Read every group.

    Raises
    ------
    ExplanationError
        A file has other keys, or a message without words.
    """
    return [_group(path) for path in sorted(folder.glob("*.yaml")) if path.name != PASSED_ON_NAME]


def read_passed_on(folder: Path = FOLDER) -> list[str]:
    """Read which calls are known to have their words from elsewhere, as `FILE: CALL`."""
    path = folder / PASSED_ON_NAME
    return list(yaml.safe_load(path.read_text()) or []) if path.is_file() else []


def _group(path: Path) -> Group:
    plain = yaml.safe_load(path.read_text())
    if not isinstance(plain, dict) or set(plain) != {"title", "about", "messages"}:
        raise ExplanationError(f"{path}: expected title, about and messages.")
    return Group(path, plain["title"], plain["about"].strip(), tuple(_messages(path, plain["messages"] or ())))


def _messages(path: Path, entries: Sequence[dict[str, Any]]) -> Iterator[Explanation]:
    for entry in entries:
        if not {"says", "means"} <= set(entry) <= _KEYS:
            raise ExplanationError(f"{path}: expected says and means, and at most do and in, found {list(entry)}.")
        texts = {key: " ".join(str(value or "").split()) for key, value in entry.items()}
        yield Explanation(texts["says"], texts["means"], texts.get("do", ""), texts.get("in", ""))
