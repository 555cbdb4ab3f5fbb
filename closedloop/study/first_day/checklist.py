"""The checklist of a new study: what a day costs, and what is to be done in which order, with the commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.catalog import REPORT
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.metadata import StudyMetadata
from closedloop.artifacts.study import ArrayFiles, NsxSuffix, StudyDocument, StudyPaths
from closedloop.plain_text.printed import command_line, in_words
from closedloop.study.foresight.budget import DayBudget, day_budget

_GB, _MB = 1e9, 1e6
_S_PER_HOUR = 3_600
_REHEARSED_SITES, _REHEARSED_IMAGES = 4, 40  # some minutes of attacks
_LEAST_IMAGES = 12  # `closedloop rehearse` takes fewer, but little is seen by them


@dataclass(frozen=True)
class NewStudy:
    """What the checklist is about.

    Attributes
    ----------
    study
        The study's folder.
    attacks
        How long a day's attacks take, in words; empty where nobody knows.
    array_files, nsx
        As study.json has them.
    is_other_maker
        Whether the recorder is another maker's than Blackrock.
    """

    study: Path
    protocol: Protocol
    metadata: StudyMetadata
    budget: DayBudget
    attacks: str
    array_files: tuple[ArrayFiles, ...]
    nsx: tuple[NsxSuffix, ...]
    is_other_maker: bool

    @property
    def rig(self) -> Path:
        """The rig's description; the name that it is to have where there is none."""
        return Path(self.metadata.rig.file) if self.metadata.rig is not None else Path("rig.yaml")


def first_day_of(paths: StudyPaths, *, attacks: str) -> NewStudy:
    """Return what there is to say of a study that has metadata.

    Parameters
    ----------
    paths
        The study.
    attacks
        How long a day's attacks take, in words; empty where nobody knows.

    Raises
    ------
    DocumentError
        One of its documents cannot be read.
    """
    study, protocol = StudyDocument.read(paths.study), read_protocol(paths.protocol)
    metadata = StudyMetadata.read(paths.metadata)
    return NewStudy(
        study=paths.root,
        protocol=protocol,
        metadata=metadata,
        budget=day_budget(protocol, n_arrays=len(metadata.arrays), nsx=study.nsx),
        attacks=attacks,
        array_files=study.array_files,
        nsx=study.nsx,
        is_other_maker=study.recorder is not None,
    )


def checklist(of: NewStudy) -> str:
    """Return the checklist as Markdown."""
    return "\n".join(_lines(of)) + "\n"


def budget_lines(budget: DayBudget, attacks: str) -> list[str]:
    """Return what a day and the study cost, a line each.

    Parameters
    ----------
    budget
        In numbers.
    attacks
        How long a day's attacks take, in words; empty where nobody knows.
    """
    days = "1 day" if budget.n_days == 1 else f"{budget.n_days} days"
    timed = f": {attacks}" if attacks else ""
    return [
        f"{budget.n_presentations:,} presentations of {budget.n_images:,} images a day",
        f"{in_words(budget.hours * _S_PER_HOUR)} a day at the protocol's pace, of {budget.hours_allowed:g} h",
        f"{days}, with {budget.n_clean_images:,} clean images in all",
        f"{budget.n_attacks:,} attacks a day{timed}",
        f"about {_size(budget.recording_bytes)} of recording and {_size(budget.images_bytes)} of images a day, "
        f"{_size(budget.n_days * (budget.recording_bytes + budget.images_bytes))} in all",
    ]


def attacks_in_words(n_gradients: int, seconds: str, where: str) -> str:
    """Return how long attacks take.

    Parameters
    ----------
    n_gradients
        At most.
    seconds
        From when to when, in words.
    where
        On what.
    """
    return f"{seconds} {where}, at most {n_gradients:,} gradients"


def measured_in_words(seconds: float) -> str:
    """Return how long the attacks of day 0 took."""
    return f"{in_words(seconds)} measured on day 0"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / _GB:,.1f} GB" if n_bytes >= _GB else f"{max(n_bytes / _MB, 1):,.0f} MB"


def _lines(of: NewStudy) -> Iterator[str]:
    animal, people = of.metadata.animal, of.metadata
    yield f"# {animal.subject_id}: checklist of the first day"
    yield ""
    born = f"born {animal.date_of_birth}" if animal.date_of_birth else f"age {animal.age}"
    yield f"{animal.species}, {animal.sex}, {born}. {'; '.join(people.experimenter)}, {people.institution}."
    yield f"Protocol {of.protocol.name}, study `{of.study}`."
    yield ""
    yield "| array | region | hemisphere |"
    yield "|---|---|---|"
    for array in people.arrays:
        yield f"| {array.name} | {array.region} | {array.hemisphere} |"
    yield ""
    yield "## What a day costs"
    yield ""
    for line in budget_lines(of.budget, of.attacks):
        yield f"- {line}"
    yield ""
    yield from _before(of)
    yield from _with_the_animal(of)
    yield from _after(of)


def _before(of: NewStudy) -> Iterator[str]:
    session = of.study / "day-00" / "schedule"
    yield "## The days before, without the animal"
    yield ""
    yield from _todo("prepare day 0's session, if it is not there yet", command_line("closedloop", "run", of.study))
    if of.metadata.rig is None:
        yield from _todo("on the rig's computer: describe the rig", command_line("rig", "init", of.rig))
        yield f"- [ ] copy {of.rig} to this computer too, to where `closedloop rehearse` runs"
        yield from _fitted_later(of)
    rehearsal: list[str | Path] = ["closedloop", "rehearse", of.study]
    rehearsal += ["--rig", of.rig] if of.metadata.rig is None else []
    yield from _todo(
        "rehearse a day around a simulated animal, on a copy", command_line(*rehearsal, *_cut(of.protocol))
    )
    yield from _todo(
        "copy the session folder to the rig's computer, and check it there, under the path that it has there",
        command_line("rig", "check", session, "--rig", of.rig),
    )
    yield from _todo(
        "show it to nobody for ten minutes, on the animal's screen",
        command_line("rig", "rehearse", session, "--rig", of.rig),
    )
    for what in ("photodiode", "valve", "gamma"):
        yield from _todo(f"measure the {what} where rig.yaml has none", f"rig calibrate {what} -h")
    yield "- [ ] record a minute with the recorder as it will be on the day, and look at the files:"
    yield from _code("closedloop recording info FOLDER")
    yield f"- [ ] room on the recorder's disk: {_size(of.budget.recording_bytes)} a day"
    yield ""


def _cut(protocol: Protocol) -> list[str]:
    """Return the options by which a rehearsal is shorter than the day; none where the day is short already."""
    n_sites = min(_REHEARSED_SITES, protocol.sites.n_sites // 2)
    images = protocol.images
    n_images = min(_REHEARSED_IMAGES, (images.clean_per_day + images.anchors + images.normalizers) // 2)
    sites = ["--sites", str(n_sites)] if n_sites else []
    return [*sites, *(["--images", str(n_images)] if n_images >= _LEAST_IMAGES else [])]


def _fitted_later(of: NewStudy) -> Iterator[str]:
    protocol = of.study / "protocol.yaml"
    yield from _todo(
        f"fit `presentation` in `{protocol}` to the animal's screen in rig.yaml, before anything is shown: refresh_hz, "
        "screen_width_px, screen_height_px and screen_cm_per_px are the screen's; on_ms and off_ms whole frames; "
        "image_scale, a whole number, and visual_angle_deg, which follows from it. Then have the session made anew",
        command_line("closedloop", "run", of.study),
    )


def _with_the_animal(of: NewStudy) -> Iterator[str]:
    session = of.study / "day-00" / "schedule"
    present = of.study / "day-00" / "present"
    yield "## The day, beside the animal"
    yield ""
    yield from _todo(
        "calibrate gaze with the animal in place", command_line("rig", "calibrate", "gaze", "--rig", of.rig)
    )
    yield from _todo("check", command_line("rig", "check", session, "--rig", of.rig))
    yield f"- [ ] start recording before the first image ({_recorded_by(of)})"
    yield from _todo(
        f"present, {in_words(of.budget.hours * _S_PER_HOUR)}; Ctrl-C stops, the same command with `--resume` goes on",
        command_line("rig", "present", session, "--rig", of.rig, "--out", present),
    )
    yield "- [ ] stop the recorder after the last image"
    yield ""


def _recorded_by(of: NewStudy) -> str:
    if of.metadata.rig is None:
        return "rig.yaml says who starts it"
    return f"rig {of.metadata.rig.name}: its recorder.kind says who starts it"


def _after(of: NewStudy) -> Iterator[str]:
    day = of.study / "day-00"
    yield "## When the session is over"
    yield ""
    yield f"- [ ] the rig's files (`journal.jsonl`, `summary.json`, gaze files) are in `{day / 'present'}`"
    yield f"- [ ] the recorder's files are in `{day / 'recording'}`: {_files(of)}"
    yield from _todo("take them over, refit, evaluate, prepare day 1", command_line("closedloop", "run", of.study))
    yield f"- [ ] read `{REPORT.published(StudyPaths(of.study), 0)}`; where a gate holds, the line says what to do"
    yield from _todo(
        "before raw files are removed from the recorder's disk", command_line("closedloop", "verify", of.study)
    )


def _files(of: NewStudy) -> str:
    if of.is_other_maker:
        return "as the description of the recorder has them, which is in study.json"
    suffixes = ", ".join((".nev", *of.nsx))
    if of.array_files:
        return f"{suffixes} of each of " + ", ".join(f"{one.name} (`{one.files}`)" for one in of.array_files)
    names = [array.name for array in of.metadata.arrays]
    return f"{suffixes} of each of {', '.join(names)}, by these words in their names" if len(names) > 1 else suffixes


def _todo(what: str, command: str) -> Iterator[str]:
    yield f"- [ ] {what}:"
    yield from _code(command)


def _code(command: str) -> Iterator[str]:
    yield ""
    yield "  ```sh"
    yield f"  {command}"
    yield "  ```"
    yield ""
