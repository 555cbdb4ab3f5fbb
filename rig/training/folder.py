"""The folder of a training: its settings, and a folder for each day, which grow over weeks.

::

    FOLDER/  training.yaml  progress.html  train-2026-11-28/  train-2026-11-28-2/  train-2026-11-29/
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.journal_rows import TrialBegun, TrialEnded
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.training import TrainingDay, TrainingSettings, read_training
from closedloop.errors import DocumentError, OptionError, SessionError
from closedloop.plain_text.printed import check_given_name, number_text
from closedloop.storage import make_folder, remove_file, remove_folder, write_bytes
from rig.training.course import TaughtCourse
from rig.training.staircase import first_level, next_run

SETTINGS_NAME, PAGE_NAME = "training.yaml", "progress.html"
DAY_NAME, SESSION_FOLDER = "day.json", "session"

_DAY = re.compile(r"train-(\d{4}-\d\d-\d\d)(?:-([1-9]\d{0,3}))?")
_OPENING = """\
# A training to fixate: `rig train FOLDER --rig rig.yaml` teaches by what stands here. A run keeps the settings that it
# began with; what is changed here holds from the next run on. docs/training.md has the rule of the staircase.
"""


@dataclass(frozen=True)
class DayFolder:
    """A day of training, as it was left.

    Attributes
    ----------
    path
        Its folder.
    day
        day.json.
    course
        What its next trial would have asked for.
    journal
        What happened; None where nothing was begun.
    """

    path: Path
    day: TrainingDay
    course: TaughtCourse
    journal: Journal | None

    @property
    def session(self) -> Path:
        """The session folder that the rig shows."""
        return self.path / SESSION_FOLDER

    @property
    def n_trials(self) -> int:
        """Trials that ended by themselves: what the staircase went by."""
        rows = self.journal.rows if self.journal is not None else ()
        return sum(isinstance(row, TrialEnded) and row.outcome != "stopped" for row in rows)

    @property
    def was_cut(self) -> bool:
        """Whether the rig was killed in it, or its computer."""
        return self.journal is not None and self.journal.ended is None


def settle_settings(folder: Path, subject: str | None) -> TrainingSettings:
    """Read the settings of a training; of a new folder they are the usual ones.

    Parameters
    ----------
    folder
        Of the training.
    subject
        The animal in the chair; None: whoever the folder is of.

    Raises
    ------
    OptionError
        Nobody said whose training it is.
    SessionError
        It is another animal's.
    ClosedLoopError
        The settings cannot be read.
    """
    path = folder / SETTINGS_NAME
    if not path.exists():
        _refuse_other_folder(folder)
        if subject is None:
            raise OptionError(
                f"--subject: expected the animal's name for a new training in {folder}, found none. "
                "Pass --subject NAME."
            )
        check_given_name(subject, option="--subject", error=OptionError)
        return TrainingSettings(subject=subject)
    settings = read_training(path)
    if subject not in (None, settings.subject):
        raise SessionError(
            f"{path}: expected the training of {subject}, found that of {settings.subject}. "
            "Name the folder of the animal in the chair: each has one of its own."
        )
    return settings


@contextmanager
def written_settings(folder: Path, subject: str) -> Iterator[None]:
    """Write the settings of a new training, each with what it means; taken back where no day is begun with them.

    Parameters
    ----------
    folder
        Of the training.
    subject
        Whose it is.

    Raises
    ------
    StorageError
        The settings cannot be written.
    """
    path, is_new_folder = folder / SETTINGS_NAME, not folder.exists()
    if path.exists():
        yield
        return
    make_folder(folder)
    write_bytes(path, training_yaml(TrainingSettings(subject=subject)).encode())
    try:
        yield
    except BaseException:
        if not _day_folders(folder):
            remove_file(path)
            if is_new_folder and not any(folder.iterdir()):  # or somebody has put a file of his own into it
                remove_folder(folder)
        raise


def _refuse_other_folder(folder: Path) -> None:
    """Refuse to begin a training among files of something else: a study, a session, somebody's pictures."""
    if folder.exists() and not folder.is_dir():
        raise SessionError(f"{folder}: expected a folder for a training, found a file. Name a new folder.")
    found = sorted(path.name for path in folder.glob("[!.]*"))
    if found:
        raise SessionError(
            f"{folder}: expected a training ({SETTINGS_NAME}) or a new folder for one, found {found[0]} in it. "
            "Name a new folder, or bring its training.yaml back."
        )


def sweep_training(folder: Path) -> None:
    """Remove what a rig left half-written that was killed; the folder is held, so that no other is writing."""
    for partial in folder.glob(".train-*.partial"):
        remove_folder(partial)
    for page in folder.glob(f".{PAGE_NAME}.*.tmp"):
        remove_file(page)


def training_yaml(settings: TrainingSettings) -> str:
    """Return settings as YAML with what each of them means; it reads back as the same document."""
    lines = []
    for name, field in TrainingSettings.model_fields.items():
        value = getattr(settings, name)
        written = f"{name}: {_yaml(value)}"
        lines.append(f"{written:<34}  # {field.description}" if field.description else written)
    return _OPENING + "\n".join(lines) + "\n"


def _yaml(value: float | str) -> str:
    # Single quotes hold any text but their own, which is doubled.
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else number_text(value)


def read_days(folder: Path) -> list[DayFolder]:
    """Return the days of a training, in their order.

    Raises
    ------
    DocumentError
        One of them is damaged.
    """
    return [read_day(path) for path in _day_folders(folder)]


def _day_folders(folder: Path) -> list[Path]:
    return [path for path in _named_as_days(folder) if (path / DAY_NAME).is_file()]


def _named_as_days(folder: Path) -> list[Path]:
    named = [(match, path) for path in folder.glob("train-*") if (match := _DAY.fullmatch(path.name))]
    return [path for _, _, path in sorted((match[1], int(match[2] or 1), path) for match, path in named)]


def refuse_lost_days(folder: Path) -> None:
    """Refuse a training in which a file of a day is gone: a new day would take its name, and what it taught be lost.

    Raises
    ------
    SessionError
        A journal stands there without its day.json, or a summary without its journal.
    """
    needs = {DAY_NAME: catalog.JOURNAL.name, catalog.JOURNAL.name: catalog.SUMMARY.name}
    for path in _named_as_days(folder):
        for needed, there in needs.items():
            if _is_written(path / there) and not _is_written(path / needed):
                raise SessionError(
                    f"{path}: expected {needed} beside {there}, found none. Bring it back from a copy, or move the "
                    "folder out of the training, which then goes on without that day."
                )


def _is_written(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def read_day(path: Path) -> DayFolder:
    """Read a day, and follow its staircase along its journal.

    Raises
    ------
    DocumentError
        It is damaged, or a trial asked for something else than the staircase comes to.
    """
    day, place = TrainingDay.read(path / DAY_NAME), path / catalog.JOURNAL.name
    journal = read_journal(place) if place.is_file() else None
    course = TaughtCourse(day, SessionDocument.read(path / SESSION_FOLDER / catalog.SESSION.name).trial)
    if journal is None or not journal.launches:
        return DayFolder(path, day, course, None)
    for row in journal.rows:
        if isinstance(row, TrialEnded):
            course.end_trial(row.outcome)
        elif isinstance(row, TrialBegun) and row.asks != course.asks:
            raise DocumentError(
                f"{path}, trial {row.trial}: expected {course.asks} as the staircase of {DAY_NAME} comes to, found "
                f"{row.asks}. Restore {DAY_NAME} and {catalog.JOURNAL.name} from a copy, both of this day."
            )
    return DayFolder(path, day, course, journal)


def day_to_go_on(days: list[DayFolder], today: datetime.date) -> DayFolder | None:
    """Return the day that goes on: today's, where the rig was killed in it; None where another begins.

    Parameters
    ----------
    days
        Of the training, in their order.
    today
        By the system's clock, local.

    Raises
    ------
    SessionError
        A day of the training is still to come.
    """
    if not days:
        return None
    last = days[-1]
    if last.day.date > today:
        raise SessionError(
            f"{last.path}: expected days up to today, {today}, found {last.day.date}. Set the system's clock."
        )
    return last if last.was_cut and last.day.date == today else None


def new_name(days: list[DayFolder], today: datetime.date) -> str:
    """Return the name of the folder of a day that begins now."""
    taken = {day.path.name for day in days}
    names = (f"train-{today}" + (f"-{n}" if n > 1 else "") for n in range(1, 10_000))
    return next(name for name in names if name not in taken)


def new_day(
    days: list[DayFolder],
    settings: TrainingSettings,
    rig: RigDocument | None,
    *,
    today: datetime.date,
    simulated: bool,
    pictures: Path | None,
) -> TrainingDay:
    """Return a run that begins now, where the last one ended; the first one of a date begins some steps back.

    Parameters
    ----------
    days
        All before.
    settings
        As they are today.
    rig
        Says what the valve gives, where somebody weighed it.
    today
        Its date.
    simulated
        Whether a simulated animal is taught.
    pictures
        The folder whose pictures are shown, or None.
    """
    taught = [day for day in days if day.n_trials]  # one that was only begun takes nobody a step back
    start = first_level(settings)
    if taught:
        start = next_run(taught[-1].course.level, settings, is_new_day=taught[-1].day.date != today)
    return TrainingDay(
        simulated=simulated,
        subject=settings.subject,
        date=today,
        settings=settings,
        start=start,
        rewarded_before=days[-1].course.n_rewarded if days else 0,
        pictures=str(pictures.absolute()) if pictures is not None else None,
        valve=rig.calibrations.valve if rig is not None else None,
    )


def refuse_other_kind(days: list[DayFolder], *, subject: str, simulated: bool) -> None:
    """Refuse to teach an animal where another or a simulated one was taught, and the other way round.

    Parameters
    ----------
    days
        Of the training so far.
    subject
        Whose training it is by its settings, which a person edits.
    simulated
        Whether a simulated animal is to be taught.

    Raises
    ------
    SessionError
        The days so far are of the other kind, or of another animal.
    """
    for day in days:
        if day.day.subject != subject:
            raise SessionError(
                f"{day.path}: expected the training of {subject}, as {SETTINGS_NAME} says, found that of "
                f"{day.day.subject}. Set subject back: each animal has a folder of its own."
            )
        if day.day.simulated != simulated:
            kinds = {True: "a simulated animal", False: "an animal"}
            raise SessionError(
                f"{day.path}: expected the training of {kinds[simulated]}, found that of {kinds[day.day.simulated]}. "
                "Take another folder."
            )


def shown_session(folder: Path) -> Path:
    """Return the session folder that a training shows, or showed last; any other folder is returned as it is."""
    if not (folder / SETTINGS_NAME).is_file():
        return folder / SESSION_FOLDER if (folder / DAY_NAME).is_file() else folder
    days = _day_folders(folder)
    return days[-1] / SESSION_FOLDER if days else folder
