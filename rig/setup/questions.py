"""What `rig init` asks, an option each: the questions, what is proposed, and the description that the answers make."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedloop.artifacts.documents import validate
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from closedloop.errors import OptionError, RigError
from closedloop.plain_text.printed import number_text
from closedloop.storage import write_bytes
from rig.setup.found import FoundDevice

NONE = "none"
_EYELINK = "100.1.1.1"  # its computer, unless somebody changed that
_SCREEN, _OPERATOR_SCREEN = "--screen", "--operator-screen"
_OF_SCREEN = ("--width-px", "--height-px", "--refresh-hz")  # known where the screen is

PlainRig = dict[str, Any]
Propose = Callable[["Surroundings"], str | None]


@dataclass(frozen=True)
class Surroundings:
    """What answers are proposed from.

    Attributes
    ----------
    name
        Of this computer.
    devices
        What was found on it.
    answers
        Those given so far, by option.
    """

    name: str
    devices: Sequence[FoundDevice]
    answers: Mapping[str, str]

    def screen_numbers(self) -> tuple[str, ...]:
        """Return the numbers of the screens that were found."""
        return tuple(one.number for one in self.devices if one.kind == "screen")

    def screen(self) -> FoundDevice | None:
        """Return the screen that was chosen, or None where it was not found."""
        number = self.answers.get("--screen", "")
        return next((one for one in self.devices if one.kind == "screen" and one.number == number), None)


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes
    ----------
    option
        By which it is answered without being asked.
    asks
        The question.
    propose
        Returns what is taken where nobody answers; None where somebody has to.
    fill
        Writes the answer into the plain document.
    """

    option: str
    asks: str
    propose: Propose
    fill: Callable[[PlainRig, str], None]


def _at(*keys: str, number: bool = False, may_be_none: bool = False) -> Callable[[PlainRig, str], None]:
    def fill(document: PlainRig, answer: str) -> None:
        *sections, last = keys
        for key in sections:
            document = document[key]
        document[last] = None if may_be_none and answer == NONE else _number(answer) if number else answer

    return fill


def _number(answer: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(answer)
        except ValueError:
            continue
    return answer


def _fill_operator(document: PlainRig, answer: str) -> None:
    document["operator_screen"] = None if answer == NONE else {"screen": _number(answer)}


def _fill_photodiode(document: PlainRig, answer: str) -> None:
    corner, _, side = answer.partition(" ")
    document["photodiode"] = None if answer == NONE else {"corner": corner, "side_px": _number(side.strip())}


_CHECKED = " checked"
_WITH_LINE = ("digital_line", "labjack")  # whose address is followed by a line


def _fill_codes(document: PlainRig, answer: str) -> None:
    transport, _, address = answer.partition(" ")
    address, is_checked = address.removesuffix(_CHECKED), address.endswith(_CHECKED)
    framing = {"framing": "checked"} if is_checked else {}
    document["codes"] = {"transport": transport, "address": address.strip() or None, **framing}


def _fill_gaze(document: PlainRig, answer: str) -> None:
    source, _, address = answer.partition(" ")
    usual = _EYELINK if source == "eyelink" else None
    document["gaze"] = {"source": source, "address": address.strip() or usual}


def _fill_reward(document: PlainRig, answer: str) -> None:
    device, _, address = answer.partition(" ")
    address, _, line = address.strip().rpartition(" ") if device in _WITH_LINE else (address, "", "")
    document["reward"] = {"device": device, "address": address.strip() or None, "line": line or None}


def _fill_recorder(document: PlainRig, answer: str) -> None:
    kind, _, device = answer.partition(" ")
    document["recorder"] |= {"kind": kind, "device": device.strip() or None}


def _fill_date(kind: str) -> Callable[[PlainRig, str], None]:
    def fill(document: PlainRig, answer: str) -> None:
        today = datetime.date.today().isoformat()
        document["calibrations"][kind] = None if answer == NONE else today if answer == "today" else answer

    return fill


def _of_screen(key: str) -> Propose:
    def propose(at: Surroundings) -> str | None:
        screen = at.screen()
        value = getattr(screen, key) if screen is not None else None
        return number_text(value) if value is not None else None

    return propose


def _subject_screen(at: Surroundings) -> str | None:
    """Propose the only screen: of several, nobody but a person knows which one the animal sees."""
    numbers = [one.number for one in at.devices if one.kind == "screen"]
    return numbers[0] if len(numbers) == 1 else None


def _operator_screen(at: Surroundings) -> str | None:
    numbers = [one.number for one in at.devices if one.kind == "screen" and one.number != at.answers.get("--screen")]
    return numbers[0] if numbers else NONE


def _always(answer: str | None) -> Propose:
    return lambda _at: answer


QUESTIONS: tuple[Question, ...] = (
    Question("--name", "Name of this rig, as journal and pages will say", lambda at: at.name, _at("name")),
    Question(
        "--screen",
        "Number of the screen in front of the animal",
        _subject_screen,
        _at("subject_screen", "screen", number=True),
    ),
    Question(
        "--width-px", "  its width, pixels", _of_screen("width_px"), _at("subject_screen", "width_px", number=True)
    ),
    Question(
        "--height-px", "  its height, pixels", _of_screen("height_px"), _at("subject_screen", "height_px", number=True)
    ),
    Question(
        "--refresh-hz",
        "  its frames per second",
        _of_screen("refresh_hz"),
        _at("subject_screen", "refresh_hz", number=True),
    ),
    Question(
        "--width-cm",
        "  width of its lit picture, cm, by a ruler",
        _always(None),
        _at("subject_screen", "width_cm", number=True),
    ),
    Question(
        "--distance-cm",
        "  from the animal's eye to it, cm, by a ruler",
        _always(None),
        _at("subject_screen", "distance_cm", number=True),
    ),
    Question("--operator-screen", "Number of the screen that you watch, or none", _operator_screen, _fill_operator),
    Question(
        "--photodiode",
        "Corner and side of the photodiode's patch (lower_left 40), or none",
        _always(None),
        _fill_photodiode,
    ),
    Question(
        "--codes",
        "Codes by: parallel, serial or microcontroller ADDRESS, comment, or none",
        _always(None),
        _fill_codes,
    ),
    Question(
        "--gaze",
        "Gaze by: eyelink or lsl ADDRESS, mouse, scripted, or none (passive)",
        _always(None),
        _fill_gaze,
    ),
    Question(
        "--reward",
        "Reward by: microcontroller ADDRESS, none, or see docs/digital_lines.md",
        _always(NONE),
        _fill_reward,
    ),
    Question(
        "--recorder",
        "Who records: blackrock DEVICE (NSP, HUB1, ...), by_hand, or none",
        _always("by_hand"),
        _fill_recorder,
    ),
    Question(
        "--recorder-folder",
        "  where its files grow, if this computer sees it, or none",
        _always(NONE),
        _at("recorder", "folder", may_be_none=True),
    ),
    Question(
        "--gaze-calibrated",
        "Last calibration of gaze: YYYY-MM-DD, today, or none",
        _always(NONE),
        _fill_date("gaze"),
    ),
    Question(
        "--luminance-measured",
        "Last measurement of the screen's luminance: YYYY-MM-DD, today, or none",
        _always(NONE),
        _fill_date("luminance"),
    ),
)


class Answers:
    """Answers so far, and the description that they make of an example; an answer that cannot be is refused at once."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        plain = EXAMPLE.model_dump(mode="json")
        plain["gaze"] = {"source": NONE, "address": None}
        plain["calibrations"] = dict.fromkeys(plain["calibrations"])
        plain["operator_screen"] = None  # or a screen's number that is given first could be this one's
        self._plain: PlainRig = plain

    def take(self, question: Question, answer: str) -> None:
        """Take an answer.

        Raises
        ------
        RigError
            No rig is so.
        """
        changed = RigDocument.model_validate(self._plain).model_dump(mode="json")
        question.fill(changed, answer.strip())
        validate(RigDocument, changed, place=question.option, error=RigError)
        self._plain = changed
        self.given[question.option] = answer.strip()

    def document(self) -> RigDocument:
        """Return the description."""
        return validate(RigDocument, self._plain, place="rig init", error=RigError)


def ask_all(
    given: Mapping[str, str | None],
    *,
    name: str,
    devices: Sequence[FoundDevice],
    ask: Callable[[str, str | None], str] | None,
    say: Callable[[str], None],
) -> RigDocument:
    """Put every question that no option answered.

    Parameters
    ----------
    given
        Answers by option; None for those that were not given.
    name
        Of this computer.
    devices
        What was found on it.
    ask
        Puts a question with what is proposed, and returns the answer; None where nobody is there to answer: then
        what is proposed is taken.
    say
        Tells what is wrong with an answer.

    Raises
    ------
    OptionError
        Nobody is there, and nothing can be proposed.
    RigError
        An option's answer cannot be.
    """
    answers, missing = Answers(), dict[str, str]()
    for question in QUESTIONS:
        option = given.get(question.option)
        at = Surroundings(name, devices, answers.given)
        proposed = question.propose(at)
        if option is not None:
            answers.take(question, option)
        elif ask is not None:
            _ask_until_fit(answers, question, at, ask=ask, say=say)
        elif proposed is not None:
            answers.take(question, proposed)
        elif not (question.option in _OF_SCREEN and _SCREEN in missing and at.screen_numbers()):
            missing[question.option] = question.asks.strip()
    if missing:
        what = next(iter(missing.values())) if len(missing) == 1 else "nobody but a person knows"
        raise OptionError(
            f"{', '.join(missing)}: expected an answer ({what}), found none. Give it by its option, or run `rig init` "
            "in a terminal, where it asks."
        )
    return answers.document()


def _ask_until_fit(
    answers: Answers,
    question: Question,
    at: Surroundings,
    *,
    ask: Callable[[str, str | None], str],
    say: Callable[[str], None],
) -> None:
    while True:
        try:
            answer = ask(question.asks, question.propose(at)).strip()
            _refuse_absent_screen(question, answer, at)
            answers.take(question, answer)
        except RigError as error:
            say(str(error))
        else:
            return


def _refuse_absent_screen(question: Question, answer: str, at: Surroundings) -> None:
    """Refuse a screen that is not there: who sits at the rig means one that is; by an option any can be named."""
    numbers = at.screen_numbers()
    if question.option in (_SCREEN, _OPERATOR_SCREEN) and numbers and answer not in (*numbers, NONE):
        found = ", ".join(numbers)
        raise RigError(
            f"{question.option}: expected a screen of this computer ({found}), found {answer!r}. Correct it."
        )


def refuse_existing(path: Path) -> None:
    """Refuse to write where something is.

    Raises
    ------
    RigError
        Something is.
    """
    if path.exists() or path.is_symlink():
        raise RigError(
            f"{path}: expected no file yet, found one. Choose another name; a rig that changed is changed in its file."
        )


def write_rig(document: RigDocument, path: Path) -> None:
    """Write a rig's description; it reads back as it was written.

    Raises
    ------
    RigError
        There is a file already.
    StorageError
        The disk or the folder does not take it.
    """
    refuse_existing(path)
    write_bytes(path, rig_yaml(document).encode())
    read, _ = read_rig(path)
    if read != document:
        raise ValueError(f"expected {document}, read back {read}")
