"""Who and what a study is of, in the words of NWB and DANDI: animal, arrays, people. It decides nothing of a study.

A person may correct the file: no seed, no image and no number of a study follows from it.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Document, Section, validate
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH, Name
from closedloop.errors import DocumentError

Sex = Literal["M", "F", "U", "O"]
"""Male, female, unknown, other: NWB's letters."""

Hemisphere = Literal["left", "right"]

SEXES: tuple[Sex, ...] = get_args(Sex)
HEMISPHERES: tuple[Hemisphere, ...] = get_args(Hemisphere)

ShortText = Annotated[str, Field(min_length=1, max_length=255)]


class Animal(Section):
    """The subject, as NWB's Subject has it."""

    subject_id: Name = Field(description="its name, as study.json has it")
    species: str = Field(max_length=255, pattern=r"^[A-Z][a-z]+ [a-z]+( [a-z]+)?$", description="Latin: Macaca mulatta")
    sex: Sex = Field(description="M, F, U for unknown, O for other")
    date_of_birth: datetime.date | None = Field(default=None, description="ISO 8601; null where only the age is known")
    age: str | None = Field(
        default=None,
        min_length=3,
        max_length=64,
        pattern=r"^P(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?$",
        description="ISO 8601, when the study began: P8Y6M",
    )

    @model_validator(mode="after")
    def _one_of_birth_and_age(self) -> Animal:
        if self.date_of_birth is not None and self.age is not None:
            raise ValueError("age: expected null beside date_of_birth, which tells it, found both. Leave one out")
        return self


class ImplantedArray(Section):
    """An array in the animal."""

    name: ShortText = Field(description="as the study names it")
    region: ShortText = Field(description="of the brain: IT, aIT, V4")
    hemisphere: Hemisphere


class RigFile(Section):
    """The description of the rig when the study was made; the rig's computer has the one that counts."""

    name: ShortText
    file: str = Field(min_length=1, max_length=MOST_OF_PATH)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class StudyMetadata(Document):
    """metadata.json: what an archive asks of a study and no number of it tells."""

    kind: Literal["study_metadata"] = "study_metadata"
    animal: Animal
    arrays: tuple[ImplantedArray, ...] = Field(min_length=1, max_length=16, description="in the processors' order")
    experimenter: tuple[ShortText, ...] = Field(min_length=1, max_length=64, description="each as Surname, First name")
    institution: ShortText
    lab: ShortText | None = None
    rig: RigFile | None = Field(default=None, description="null where none was described yet")


def read_told(path: Path, *, subject: str, simulated: bool) -> StudyMetadata:
    """Read animal, arrays and people from a file that a person wrote: YAML with the fields of metadata.json.

    Parameters
    ----------
    path
        The file.
    subject
        The animal's name, as the study has it.
    simulated
        Whether the study is.

    Raises
    ------
    DocumentError
        The file is missing, no YAML, lacks something, or is of another animal.
    """
    from closedloop.plain_text.yaml_text import read_yaml  # noqa: PLC0415 - few studies have such a file

    plain = read_yaml(
        path,
        missing="expected animal, arrays and people, found no file. Correct the path.",
        remedy="docs/nwb.md shows the file.",
    )
    content = {**plain, "simulated": simulated} if isinstance(plain, dict) else plain
    found = validate(StudyMetadata, content, place=str(path))
    refuse_too_little(found, place=path)
    if found.animal.subject_id != subject:
        raise DocumentError(
            f"{path}: animal.subject_id: expected {subject}, as the study has it, found {found.animal.subject_id}. "
            "Correct it."
        )
    return found


def refuse_too_little(found: StudyMetadata, *, place: Path) -> None:
    """Refuse what no archive takes: an animal of which neither birth nor age is told.

    Parameters
    ----------
    found
        What is told.
    place
        Where.

    Raises
    ------
    DocumentError
        So it is.
    """
    if found.animal.date_of_birth is None and found.animal.age is None:
        raise DocumentError(f"{place}: animal: expected date_of_birth or age (P8Y), found neither. Add one.")
