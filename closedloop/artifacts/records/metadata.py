"""Who and what a study is of, in the words of NWB and DANDI: animal, arrays, people. It decides nothing of a study.

A person may correct the file: no seed, no image and no number of a study follows from it.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH, Name

Sex = Literal["M", "F", "U", "O"]
"""Male, female, unknown, other: NWB's letters."""

Hemisphere = Literal["left", "right"]

SEXES: tuple[Sex, ...] = get_args(Sex)
HEMISPHERES: tuple[Hemisphere, ...] = get_args(Hemisphere)

ShortText = Annotated[str, Field(min_length=1, max_length=255)]

_ISO_AGE = r"^P(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?$"


class Animal(Section):
    """The subject, as NWB's Subject has it."""

    subject_id: Name = Field(description="its name, as study.json has it")
    species: str = Field(max_length=255, pattern=r"^[A-Z][a-z]+ [a-z]+( [a-z]+)?$", description="Latin: Macaca mulatta")
    sex: Sex = Field(description="M, F, U for unknown, O for other")
    date_of_birth: datetime.date | None = Field(default=None, description="ISO 8601; null where only the age is known")
    age: str | None = Field(
        default=None, min_length=3, max_length=64, pattern=_ISO_AGE, description="ISO 8601, when the study began: P8Y6M"
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
