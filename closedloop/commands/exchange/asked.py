"""What `closedloop model export` is asked for, and what of it cannot be, told without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import OptionError, StorageError, StudyError
from closedloop.models.weight_headers import refuse_no_weights
from closedloop.storage import remove_folder
from closedloop.storage.places import refuse_no_folder
from closedloop.study.no_study import no_study_line

DOCUMENT_NAME = "model.json"
_WHOLE = "whole"
_MOST_LICENCE = 500


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported.

    Attributes
    ----------
    file
        The model's.
    out
        Folder to create.
    study
        The study seen from the session that fitted it; None of a file that lies in none.
    block
        That session.
    member
        Which; None for all.
    pt2
        Whether to write an exported program, too.
    licence
        Of the base weights; empty where nobody said.
    """

    file: Path
    out: Path
    study: StudyPaths | None
    block: Block | None
    member: int | None
    pt2: bool
    licence: str

    @property
    def working(self) -> Path:
        """Folder that the export is made in."""
        return self.out.with_name(f".{self.out.name}.partial")


def check_export(
    model: Path, out: Path, *, day: int | None, member: str, pt2: bool, licence: str, arm: str | None = None
) -> ExportRequest:
    """Refuse what cannot be exported, and return what is to be.

    Parameters
    ----------
    model
        A study or a file.
    out
        Folder to create.
    day, member, pt2, licence, arm
        As the command has them.

    Raises
    ------
    OptionError
        An option is none.
    StudyError
        There is no study, or none of its days was fitted.
    CheckpointError
        The file is none of weights.
    StorageError
        `out` is there and nothing of this command, or nowhere.
    """
    number = None if member == _WHOLE else _number(member)
    if len(licence) > _MOST_LICENCE or not licence.isprintable():
        raise OptionError(
            f"--licence: expected one line of at most {_MOST_LICENCE} characters, found more. Shorten it."
        )
    refuse_no_folder(out)
    if out.exists() and not (out / DOCUMENT_NAME).is_file():
        raise StorageError(f"{out}: expected no folder or one of this command, found another. Choose another --out.")
    if model.is_file():
        for option, value in (("--day", day), ("--arm", arm)):
            if value is not None:
                raise OptionError(f"{option}: expected it of a study alone, found the file of a model. Leave it out.")
        refuse_no_weights(model)
        study, block = _study_of(model)
        return ExportRequest(model, out, study, block, number, pt2, licence)
    paths = StudyPaths(Path(os.path.realpath(model)))
    if not paths.study.is_file():
        raise StudyError(no_study_line(paths.root))
    block = _fitted(paths, day)
    at = paths.at(block)
    file = catalog.MODEL.left(at, block.day) if arm is None else _of_arms(at.folder("refit", block.day), arm)
    return ExportRequest(file, out, at, block, number, pt2, licence)


def _of_arms(folder: Path, arm: str) -> Path:
    """Return the file of a network that was fitted beside the day's model."""
    of_name = {path.stem.removeprefix("model-"): path for path in sorted(folder.glob(catalog.model_of_arms("*").name))}
    if arm not in of_name:
        found = f"only {', '.join(of_name)}" if of_name else "none: the protocol has no networks under arms.models"
        raise OptionError(
            f"--arm {arm[:40]}: expected a network that was fitted beside the day's model, found {found}."
        )
    return of_name[arm]


def clear(request: ExportRequest) -> None:
    """Remove what a killed export left."""
    remove_folder(request.working)


def _number(member: str) -> int:
    if not (member.isascii() and member.isdecimal() and len(member) <= 3):
        raise OptionError(f"--member {member[:40]}: expected a number from 0, or {_WHOLE}. Correct it.")
    return int(member)


def _study_of(model: Path) -> tuple[StudyPaths | None, Block | None]:
    """Return the study that a file of a model lies in, and the session that fitted it; None twice of a copy."""
    folder = Path(os.path.realpath(model)).parent
    paths = StudyPaths(folder.parent.parent)
    blocks = paths.found() if paths.study.is_file() else ()
    block = next((one for one in blocks if paths.at(one).folder("refit", one.day) == folder), None)
    return (paths.at(block), block) if block is not None else (None, None)


def _fitted(paths: StudyPaths, day: int | None) -> Block:
    fitted = [
        block for block in paths.found() if (paths.at(block).folder("refit", block.day) / MANIFEST_NAME).is_file()
    ]
    of_day = [block for block in fitted if day is None or block.day == day]
    if not of_day:
        days = ", ".join(dict.fromkeys(str(block.day) for block in fitted))
        wanted = "a day that was fitted" if day is None else f"day {day} to be fitted"
        has = f"that days {days} are" if days else "none"
        raise StudyError(f"{paths.root}: expected {wanted}, found {has}. Go on with `closedloop run`.")
    return max(of_day)
