"""Answers in a file: those of an interrupted conversation, or those that somebody wrote for a script."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from closedloop.errors import OptionError
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.plain_text.yaml_text import read_yaml
from closedloop.storage import write_bytes

_HEAD = "# Answers to `closedloop new`; `closedloop new STUDY --answers FILE` takes them.\n"


def kept_beside(study: Path) -> Path:
    """Return where the answers of a study that is not made yet are kept."""
    return study.with_name(f"{study.name}.answers.yaml")


def read_answers(path: Path, *, known: Collection[str]) -> dict[str, str]:
    """Read answers by the questions' keys.

    Parameters
    ----------
    path
        The file.
    known
        Keys of all questions.

    Raises
    ------
    OptionError
        The file is missing, no YAML, or answers what nobody asks.
    """
    missing = "expected a file of answers, found none. Correct the path."
    plain = read_yaml(path, missing=missing, error=OptionError, remedy="Start from a study's answers.yaml.")
    answers: dict[str, str] = {}
    for key, value in plain.items():
        if key not in known:
            raise OptionError(
                f"{path}, {key}: expected one of {', '.join(known)}. {did_you_mean(str(key), known)}Correct it."
            )
        words = value if isinstance(value, list) else [value]
        if not words or any(isinstance(word, bool | dict | list) or word is None for word in words):
            raise OptionError(f"{path}, {key}: expected a word, a number or a list of them, found another. Correct it.")
        answers[key] = ", ".join(str(word) for word in words)
    return answers


def answers_bytes(answers: Mapping[str, str]) -> bytes:
    """Return answers as a file."""
    return (
        _HEAD + "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in answers.items())
    ).encode()


def keep_answers(path: Path, answers: Mapping[str, str]) -> None:
    """Write down what was answered so far.

    Raises
    ------
    StorageError
        The disk or the folder does not take it.
    """
    write_bytes(path, answers_bytes(answers))
