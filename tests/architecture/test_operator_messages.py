"""Every message of the rig stands on a page, with what it means and what to do."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest
import yaml

from tools.operator_messages.checks import checks_by_function, said_by
from tools.operator_messages.explained import ExplanationError, read_groups
from tools.operator_messages.faults import COMMAND, faults
from tools.operator_messages.found import ROOT, find_messages
from tools.operator_messages.page import shown

CODE = '''
"""A docstring that says nothing to an operator."""

from rig.words import REMEDY

_AGAIN = "try again"


def refuse(path, sizes, name):
    raise SessionError(f"{path}: expected a file, found {len(sizes)} files. Choose one, then {_AGAIN}.")


def raise_later(port):
    found = "no port" if port is None else f"{port} in use"
    return DeviceError(f"valve: expected a port, found {found}. {REMEDY}")


def look(at):
    if at.n > 2:
        return fail(f"expected two of {at.names}, found {at.n}", "Take one away.")
    said = f"{at.n} found"
    if at.is_doubtful:
        return warn(f"{said}; who knows", REMEDY)
    return Finding("", "PASS", "all is well here")


def ask():
    raise SessionError(_none("left"))


def _none(where):
    none = f"{where}: expected one"
    if where:
        return f"{none}, found none. Look there."
    return f"{none}, found two. Take one."


def lose(device):
    raise _lost(device, "a cable that is out")


def _lost(device, found):
    return DeviceError(f"{device}: expected an answer, found {found}. Look there.")


def judge():
    return Finding(name="", status="WARN", found="nobody looked at it", fix="Look.")


def pass_on(error):
    raise ValueError("expected a programmer who knows")
    raise BrokenSessionError(str(error))
'''


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a small rig that says something, and nobody who explains it."""
    (tmp_path / "rig").mkdir()
    (tmp_path / "rig" / "__init__.py").touch()
    (tmp_path / "rig" / "words.py").write_text('REMEDY = "Look at the tap."\n')
    (tmp_path / "rig" / "port.py").write_text(CODE)
    (tmp_path / "explained").mkdir()
    return tmp_path


def test_every_message_of_the_rig_is_explained() -> None:
    found = faults()
    assert not found, f"{len(found)} to be mended (`{COMMAND}` prints them, then `python -m tools.pages`):\n\n" + (
        "\n\n".join(found)
    )


def test_no_error_and_no_finding_of_the_rig_is_overlooked() -> None:
    found, passed = find_messages()
    seen = {(one.path, one.line) for one in [*found, *passed]}
    calls = re.compile(
        r"(?<![\w.])(fail|warn|unless_simulated|[A-Z]\w*Error)\($|(?<![\w.])(fail|warn|unless_simulated|[A-Z]\w*Error)\([^)]"
    )
    missed = []
    for path in sorted((ROOT / "rig").rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            called = [one for match in calls.finditer(line) for one in match.groups() if one]
            is_definition = line.lstrip().startswith(("def ", "class ", "except ", "#"))
            if not is_definition and any(not hasattr(builtins, name) for name in called):
                place = (path.relative_to(ROOT).as_posix(), number)
                missed += [place] if place not in seen else []
    assert len(seen) > 200
    assert not missed


def test_messages_are_found_as_they_are_said(house: Path) -> None:
    found, passed = find_messages(house)
    assert {(one.kind, one.pattern) for one in found} == {
        ("error", "{path}: expected a file, found {number} files. Choose one, then try again."),
        ("error", "valve: expected a port, found {found}. Look at the tap."),
        ("FAIL", "expected two of {names}, found {n}. Take one away."),
        ("WARN", "{n} found; who knows. Look at the tap."),
        ("error", "{where}: expected one, found none. Look there."),
        ("error", "{where}: expected one, found two. Take one."),
        ("error", "{device}: expected an answer, found a cable that is out. Look there."),
        ("WARN", "nobody looked at it. Look."),
    }
    assert [one.code for one in passed] == ["BrokenSessionError(str(error))"]


def test_what_nobody_explains_is_told_as_an_entry_that_only_wants_its_words(house: Path) -> None:
    (house / "explained" / "10_all.yaml").write_text('title: "All"\nabout: "All."\nmessages: []\n')
    said = faults(house, house / "explained")
    assert len([one for one in said if "no page explains" in one]) == 8
    assert all("10_all.yaml" in one for one in said if "no page explains" in one)
    assert said[-1].endswith("- 'rig/port.py: BrokenSessionError(str(error))'")

    entries = [one.partition("\n")[2] for one in said if "no page explains" in one]
    filled = "\n".join(entries).replace("means: >-\n      ", "means: >-\n      It comes.")
    (house / "explained" / "10_all.yaml").write_text(f'title: "All"\nabout: "All."\nmessages:\n{filled}\n')
    (house / "explained" / "passed_on.yaml").write_text(f"{said[-1].splitlines()[-1]}\n")
    assert faults(house, house / "explained") == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"says": "{file}: expected a thing, found none", "means": "It comes.", "do": "Go."}, "nothing says this any"),
        ({"says": "expected two of {a}, found {b}. Take one away.", "means": ""}, "say what it means"),
        ({"says": "{n}: expected one, found none. Look there.", "means": "a", "in": "rig/words.py"}, "does not say"),
    ],
)
def test_an_explanation_without_its_message_or_its_words_is_told(house: Path, entry: dict[str, str], told: str) -> None:
    text = yaml.safe_dump({"title": "All", "about": "All.", "messages": [entry]})
    (house / "explained" / "10_all.yaml").write_text(text)
    assert any(told in one for one in faults(house, house / "explained"))


def test_a_message_that_was_reworded_is_told_with_its_new_words(house: Path) -> None:
    entry = {"says": "{path}: expected one file, found {n} of them. Choose one, then {a}.", "means": "a"}
    text = yaml.safe_dump({"title": "All", "about": "All.", "messages": [entry]})
    (house / "explained" / "10_all.yaml").write_text(text)
    (told,) = [one for one in faults(house, house / "explained") if "nothing says this" in one]
    assert "It may say now: {path}: expected a file, found {number} files." in told


def test_a_file_of_explanations_with_another_key_is_refused(house: Path) -> None:
    (house / "explained" / "10_all.yaml").write_text(
        yaml.safe_dump({"title": "All", "about": "", "messages": [{"says": "a", "meanz": "b"}]})
    )
    with pytest.raises(ExplanationError, match="meanz"):
        read_groups(house / "explained")


def test_a_message_is_known_by_the_check_whose_row_says_it() -> None:
    found, _ = find_messages()
    checks = checks_by_function(ROOT)
    names = {one.pattern: said_by(one, checks) for one in found}
    by_words = {
        words: next(names[one] for one in names if words in one)
        for words in (
            "a photodiode, found none: without",
            "100 ms are whole frames",
            "rig.yaml does not say when this was measured",
        )
    }
    assert by_words == {
        "a photodiode, found none: without": ("photodiode",),
        "100 ms are whole frames": ("timing",),
        "rig.yaml does not say when this was measured": (
            "gaze-calibration",
            "reward-calibration",
            "luminance",
            "light",
        ),
    }


@pytest.mark.parametrize(
    ("says", "page"),
    [
        ("{path}: found none. Run `rig tell {session id}`.", "*path*: found none. Run `rig tell SESSION_ID`."),
        ("a [b] * c_d", r"a \[b\] \* c\_d"),
    ],
)
def test_what_is_filled_in_is_told_from_what_stands_there(says: str, page: str) -> None:
    assert shown(says) == page
