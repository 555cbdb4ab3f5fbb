"""The questions of `closedloop new`, in the order in which they are asked. A new one is a line here and its check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from closedloop.commands.new import animal, apparatus, experiment
from closedloop.commands.new.draft import Draft
from closedloop.storage import resolved

Propose = Callable[[Draft], str | None]


def _always(_draft: Draft) -> bool:
    return True


def _nothing(_draft: Draft) -> str:
    return ""


def _proposed(answer: str) -> Propose:
    return lambda _draft: answer


def _nobody(_draft: Draft) -> None:
    """Propose nothing: a person has to say."""


def _is_blackrock(draft: Draft) -> bool:
    return draft.recorder is None


@dataclass(frozen=True)
class StudyQuestion:
    """One question.

    Attributes
    ----------
    key
        Its name in a file of answers; with dashes, its option.
    asks
        The question, in one line with what can be answered.
    explains
        What it is for, in one line; said before it is asked.
    take
        Checks an answer; returns the draft with it, or raises a ClosedLoopError.
    propose
        Returns what Enter takes; None where somebody has to say.
    found
        Returns what an answer that was taken means, in a line; empty where that is plain.
    applies
        Returns whether it is asked at all.
    names_a_file
        Whether an answer may be a path, which is kept so that it is the same from another folder.
    """

    key: str
    asks: str
    explains: str
    take: Callable[[str, Draft], Draft]
    propose: Propose = _nobody
    found: Callable[[Draft], str] = _nothing
    applies: Callable[[Draft], bool] = _always
    names_a_file: bool = False

    def kept(self, answer: str) -> str:
        """Return an answer as a file of answers has it."""
        path = Path(answer).expanduser()
        is_there = path.is_dir() if self.key == "images" else path.is_file()
        return str(resolved(path)) if self.names_a_file and is_there else answer

    @property
    def needs_a_person(self) -> bool:
        """Whether nothing can be proposed, whatever else was answered."""
        return self.propose is _nobody

    @property
    def option(self) -> str:
        """By which it is answered without being asked."""
        return f"--{self.key.replace('_', '-')}"


QUESTIONS: tuple[StudyQuestion, ...] = (
    StudyQuestion(
        "protocol",
        "Protocol to start from: guo2022, ahead, dry_run, smoke, or a file",
        "The experiment's numbers, each with its source; what you answer changes single lines of a copy.",
        experiment.take_protocol,
        _proposed("guo2022"),
        experiment.found_protocol,
        names_a_file=True,
    ),
    StudyQuestion("subject", "Name of the animal", "Files, pages and archives call it so.", animal.take_subject),
    StudyQuestion(
        "species",
        "Its species: in Latin, or rhesus, cynomolgus, marmoset",
        "NWB and DANDI want the Latin name (Macaca mulatta).",
        animal.take_species,
    ),
    StudyQuestion("sex", "Its sex: M, F, U (unknown), O (other)", "NWB's letters.", animal.take_sex),
    StudyQuestion(
        "birth",
        "Its date of birth (2018-05-21), or its age (P8Y)",
        "ISO 8601; archives want one of the two.",
        animal.take_birth,
    ),
    StudyQuestion(
        "recorder",
        "Recorder: blackrock, or a YAML file that describes another maker's",
        "Blackrock's .nev and .ns1 to .ns6 need no description; docs/other_recorders.md has that of others.",
        apparatus.take_recorder,
        _proposed(apparatus.BLACKROCK),
        apparatus.found_recorder,
        names_a_file=True,
    ),
    StudyQuestion(
        "arrays",
        "Arrays: array1, or array1, array2, or left=LEFT*, right=RIGHT*",
        "By their names or the patterns of their files a day's files are told apart.",
        apparatus.take_arrays,
        _proposed("array1"),
        applies=_is_blackrock,
    ),
    StudyQuestion(
        "regions",
        "Region of each array, in their order: IT, or aIT, pIT",
        "Where they are implanted; one answer counts for all.",
        apparatus.take_regions,
    ),
    StudyQuestion(
        "hemispheres",
        "Hemisphere of each array: left or right",
        "In the same order; one answer counts for all.",
        apparatus.take_hemispheres,
    ),
    StudyQuestion(
        "files",
        "Files of each recording besides .nev: ns6, or ns2, ns6, or none",
        "A day is not taken over before all of them are there; the photodiode is in one of them.",
        apparatus.take_files,
        _proposed("ns6"),
        apparatus.found_files,
        applies=_is_blackrock,
    ),
    StudyQuestion(
        "rig",
        "The rig's description (rig.yaml), or none",
        "The protocol is made to fit its screen: whole frames, whole pixels, the size in degrees.",
        apparatus.take_rig,
        _proposed(animal.NONE),
        apparatus.found_rig,
        names_a_file=True,
    ),
    StudyQuestion(
        "images",
        "Folder of clean images",
        "Flat, or with one subfolder a category; no image is shown as new twice.",
        experiment.take_images,
        found=experiment.found_images,
        names_a_file=True,
    ),
    StudyQuestion(
        "base_model",
        "Base model: a weight file, or the name of one that ships",
        "The network under the readout; `closedloop base-model import` looks at yours.",
        experiment.take_base_model,
        experiment.propose_base_model,
        experiment.found_base_model,
        names_a_file=True,
    ),
    StudyQuestion(
        "days",
        "Recording days",
        "Day 0 chooses the sites; sensitivity is compared from day 1 on.",
        experiment.take_days,
        experiment.propose_days,
        experiment.found_days,
    ),
    StudyQuestion(
        "hours",
        "Hours of a session, at most",
        "Where the protocol's day does not fit, fewer fresh images are attacked.",
        experiment.take_hours,
        experiment.propose_hours,
        experiment.found_hours,
    ),
    StudyQuestion(
        "fresh_images",
        "Fresh images attacked for each site",
        "As many as fit are proposed; anchors, on which days are compared, stay.",
        experiment.take_fresh_images,
        experiment.propose_fresh_images,
        experiment.found_fresh_images,
        applies=experiment.is_cut,
    ),
    StudyQuestion(
        "experimenters",
        "Experimenters: surname, first name; the next one behind a semicolon",
        "As NWB has them: Curie, Marie; Hubel, David.",
        animal.take_experimenters,
    ),
    StudyQuestion("institution", "Institution", "As archives will name it.", animal.take_institution),
    StudyQuestion("lab", "Laboratory, or none", "As archives will name it.", animal.take_lab, _proposed(animal.NONE)),
)
