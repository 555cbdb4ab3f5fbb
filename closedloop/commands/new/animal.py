"""Answers about the animal and the people, checked: what an archive will ask for."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

from closedloop.artifacts.documents import validate
from closedloop.artifacts.records.metadata import SEXES, Animal
from closedloop.commands.new.draft import Draft
from closedloop.errors import OptionError
from closedloop.plain_text.printed import check_given_name

_SPECIES = {
    "rhesus": "Macaca mulatta",
    "rhesus macaque": "Macaca mulatta",
    "rhesus monkey": "Macaca mulatta",
    "cynomolgus": "Macaca fascicularis",
    "pigtail": "Macaca nemestrina",
    "marmoset": "Callithrix jacchus",
}
_SEXES = {"male": "M", "female": "F", "unknown": "U", "other": "O"}
_OLDEST_YEARS = 100  # a date beyond is a slip of the keys
_SURNAME_FIRST = re.compile(r"[^,]+,\s*[^,]+")  # as NWB's inspector wants it
NONE = "none"


def take_subject(text: str, draft: Draft) -> Draft:
    """Take the animal's name."""
    check_given_name(text, option="--subject", error=OptionError)
    if "/" in text or "\\" in text:
        raise OptionError(
            f"--subject: expected a name without slashes, which archives refuse, found {text}. Correct it."
        )
    return replace(draft, subject=text)


def take_species(text: str, draft: Draft) -> Draft:
    """Take the species in Latin, or a common name of a usual one."""
    latin = _SPECIES.get(text.lower(), text)
    return replace(draft, animal=_animal(draft, "--species", species=latin))


def take_sex(text: str, draft: Draft) -> Draft:
    """Take one of NWB's letters, or its word."""
    letter = _SEXES.get(text.lower(), text.upper())
    if letter not in SEXES:
        raise OptionError(f"--sex: expected M, F, U (unknown) or O (other), found {text:.40}. Correct it.")
    return replace(draft, animal=_animal(draft, "--sex", sex=letter))


def take_birth(text: str, draft: Draft) -> Draft:
    """Take a date of birth, or an age."""
    if text.upper().startswith("P"):
        return replace(draft, animal=_animal(draft, "--birth", date_of_birth=None, age=text.upper()))
    try:
        born = datetime.date.fromisoformat(text)
    except ValueError:
        raise OptionError(
            f"--birth: expected a date (2018-05-21) or an age in ISO 8601 (P8Y, P7Y6M), found {text:.40}. Correct it."
        ) from None
    if born > datetime.datetime.now().astimezone().date():
        raise OptionError(f"--birth: expected a date in the past, found {born}. Correct it.")
    if born.year < datetime.datetime.now().astimezone().year - _OLDEST_YEARS:
        raise OptionError(f"--birth: expected a date of the last {_OLDEST_YEARS} years, found {born}. Correct it.")
    return replace(draft, animal=_animal(draft, "--birth", date_of_birth=text, age=None))


def take_experimenters(text: str, draft: Draft) -> Draft:
    """Take names, each with the surname first."""
    names = tuple(" ".join(name.split()) for name in text.split(";") if name.strip())
    for name in names:
        check_given_name(name, option="--experimenters", error=OptionError)
        if not _SURNAME_FIRST.fullmatch(name):
            raise OptionError(
                f"--experimenters: expected surname, comma, first name (Curie, Marie; Hubel, David), found {name:.60}. "
                "Correct it."
            )
    if not names:
        raise OptionError("--experimenters: expected at least one name, found none. Give one.")
    return replace(draft, experimenters=names)


def take_institution(text: str, draft: Draft) -> Draft:
    """Take the institution's name."""
    check_given_name(text, option="--institution", error=OptionError)
    return replace(draft, institution=text)


def take_lab(text: str, draft: Draft) -> Draft:
    """Take the laboratory's name, or none."""
    if text.lower() == NONE:
        return replace(draft, lab=None)
    check_given_name(text, option="--lab", error=OptionError)
    return replace(draft, lab=text)


def _animal(draft: Draft, option: str, **known: str | None) -> Animal:
    """Return the animal as it is known so far; what was not asked yet is filled with what is always true."""
    before = draft.animal.model_dump(mode="json") if draft.animal else {"species": "Macaca mulatta", "sex": "U"}
    try:
        return validate(Animal, before | {"subject_id": draft.subject} | known, place=option, error=OptionError)
    except OptionError as error:
        doubled = f"{option}: {option.removeprefix('--')}: "  # where the option is called as the document's key
        raise OptionError(str(error).replace(doubled, f"{option}: ")) from None
