"""Panel of the history: what people decided, what gates found and what stages did, in the order of time."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from closedloop.artifacts.amended.exclusions import Exclusion, noted
from closedloop.artifacts.gates.report import GateFinding, GateReport, gate_report_path
from closedloop.artifacts.records.amendments import Amendment, append_amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import START_DAY, StudyPaths
from closedloop.service.panels import history
from closedloop.service.panels.history import ENTRIES_A_PAGE, read, read_asked
from closedloop.service.web.render import StudyName, render_fragment, render_json
from closedloop.study.ledger import open_ledger
from tests.unit.service.over_days.stimuli import small_study


def decide(paths: StudyPaths, minute: int, **changed: object) -> None:
    told = {
        "kind": "accept_session",
        "simulated": True,
        "day": 2,
        "utc": f"2026-11-29T03:{minute:02d}:00+00:00",
        "who": "Ada",
        "why": "the lights were on",
        **changed,
    }
    append_amendment(paths.amendments, Amendment.model_validate(told))


def find(paths: StudyPaths, *findings: GateFinding, at: float) -> None:
    place = gate_report_path(paths, 4, "intake")
    GateReport(simulated=True, day=4, checkpoint="intake", made_from={}, findings=findings).write(place)
    os.utime(place, (at, at))


def happen(paths: StudyPaths) -> None:
    """Write a ledger in which stages went well, failed, were killed, waited, and were made stale."""
    with open_ledger(paths.ledger) as ledger:
        ledger.begin(START_DAY, "start", "a")
        ledger.finish(START_DAY, "start", "a", seconds=1.0)
        ledger.begin(0, "plan", "a")
        ledger.fail(0, "plan", "a", "the disk is full")
        ledger.begin(0, "plan", "a")
        ledger.begin(0, "plan", "a")
        ledger.finish(0, "plan", "a", seconds=1.0)
        ledger.remember_protocol("0" * 64, "{}" * 100)
        ledger.wait(0, "present", "b", "show the session")
        ledger.mark_stale(0, "plan", "a", "protocol: fit.epochs")
        ledger.begin(0, "plan", "c")


def test_a_study_without_a_history_says_so(tmp_path: Path) -> None:
    found = read(small_study(tmp_path / "study"))
    assert (found.entries, found.n_found, found.n_pages, found.damaged) == ((), 0, 1, ())
    assert "Nothing like that has happened." in render_fragment(history, found, StudyName("one"))


def test_decisions_stand_with_who_when_and_why_the_latest_first(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    decide(paths, 10)
    decide(
        paths, 20, kind="edit_protocol", day=None, who="Kay", utc="2026-11-29T05:20:00+02:00", why="the night is short",
        subject=("fit.epochs",), before={"fit.epochs": "40"}, after={"fit.epochs": "30"},
    )  # fmt: skip
    decide(paths, 15, kind="replace_recording", before={"array1.nev": "a" * 64}, after={"array1.nev": "b" * 64})
    entries = read(paths).entries
    assert [(one.utc, one.who, one.day, one.why) for one in entries] == [
        ("2026-11-29T03:20:00+00:00", "Kay", None, "the night is short"),
        ("2026-11-29T03:15:00+00:00", "Ada", 2, "the lights were on"),
        ("2026-11-29T03:10:00+00:00", "Ada", 2, "the lights were on"),
    ]
    assert [one.label for one in read(paths).people] == ["everybody", "Ada", "Kay"]
    assert [one.who for one in read_asked(paths, {"who": "Kay"}).entries] == ["Kay"]
    assert entries[0].details == ("fit.epochs: 40 → 30",)
    assert entries[1].details == ("array1.nev: aaaaaaaaaaaa … → bbbbbbbbbbbb …",)


@pytest.mark.parametrize("kind", ["approve_gate", "hold", "release"])
def test_gates_decisions_are_told_in_words(tmp_path: Path, kind: str) -> None:
    paths = small_study(tmp_path / "study")
    decide(paths, 1, kind=kind, subject=("intake", "rate_drift"), before={"found": "31 % above"})
    (entry,) = read(paths).entries
    assert "_" not in entry.what
    assert entry.details == ("intake, rate_drift", "found: 31 % above")


def test_what_is_left_out_is_told_in_words_alone(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    site = Exclusion(part="evaluation", thing="site", name="array1-003", from_day=1)
    decide(paths, 1, kind="exclude", subject=("site array1-003",), after=noted([site], not_attacked_from=Block(2)))
    changed = {"attack.epsilons": "[2.5]", "protocol_sha256 from day 2": "c" * 64}
    decide(
        paths, 2, kind="amend_protocol", subject=("attack.epsilons",), before={"attack.epsilons": "[10]"}, after=changed
    )  # fmt: skip
    amended, left_out = read(paths).entries
    assert left_out.title == (
        "Left out of the evaluation: site array1-003 from day 1 on; attacked no longer from day 2 on"
    )
    assert amended.title == "Amended the protocol from day 2 on: attack.epsilons [10] -> [2.5]"
    assert (left_out.details, amended.details) == ((), ())


@pytest.mark.parametrize(
    ("line", "said", "n_whole"), [(1, "edited", 0), (2, "edited", 1), (3, "edited", 2), (4, "edited", 3)]
)
def test_a_broken_chain_is_said_and_only_what_stands_before_it_is_shown(
    tmp_path: Path, line: int, said: str, n_whole: int
) -> None:
    paths = small_study(tmp_path / "study")
    for minute in range(4):
        decide(paths, minute, why=f"reason {minute}")
    lines = paths.amendments.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"reason", b"excuse")
    paths.amendments.write_bytes(b"".join(lines))
    found = read(paths)
    assert [one.why for one in found.entries] == [f"reason {minute}" for minute in reversed(range(n_whole))]
    (fault,) = found.damaged
    assert f"line {line}" in fault
    assert said in fault
    assert f"The {n_whole} lines before it are shown" in fault
    assert "vouched for" in render_fragment(history, found, StudyName("one"))


def test_a_line_taken_out_is_found_too(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    for minute in range(3):
        decide(paths, minute)
    lines = paths.amendments.read_bytes().splitlines(keepends=True)
    paths.amendments.write_bytes(lines[0] + lines[2])
    found = read(paths)
    assert (len(found.entries), len(found.damaged)) == (1, 1)
    assert "missing" in found.damaged[0]


def test_stages_are_told_by_how_they_ended(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    happen(paths)
    found = read(paths)
    assert [(one.kind, one.title.split(" after")[0], one.why, one.details) for one in found.entries] == [
        ("stale", "Plan no longer follows from its inputs", "protocol: fit.epochs", ()),
        ("wait", "Present waits for a person", "show the session", ()),
        (
            "fault",
            "Plan cut short",
            "attempt 2: it was begun, and neither ended nor failed: its process was stopped.",
            (),
        ),
        ("fault", "Plan failed", "the disk is full", ()),
    ]
    went_well = read_asked(paths, {"kind": "stage"}).entries
    assert [(one.title.split(" after")[0], one.day, one.details) for one in went_well] == [
        ("Plan begun", 0, ()),
        ("Plan done", 0, ("attempt 3",)),
        ("Start done", START_DAY, ()),
    ]


def test_what_gates_found_is_told_unless_they_passed(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    words = {"expected": "within 20 % of day 0.", "found": "31 % above"}
    find(
        paths,
        GateFinding(gate="lost_codes", level="PASS", **words, remedy=""),
        GateFinding(gate="rate_drift", level="WARN", **words, remedy="Compare the thresholds."),
        GateFinding(gate="site_identity", level="HOLD", **words, remedy="Look at the banks."),
        at=1_800_000_000.0,
    )
    warned, held = read(paths).entries
    assert (warned.what, warned.day, warned.who, warned.utc) == (
        "rate drift: WARN",
        4,
        "gate, intake",
        "2027-01-15T08:00:00+00:00",
    )
    assert warned.why == "Expected within 20 % of day 0; found 31 % above."
    assert (held.what, held.holds, warned.holds) == ("site identity: HOLD", True, False)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"day": 1}', b'{"kind": "gate_report", "findings": [3]}', b"\xff"]
)
def test_a_damaged_report_of_gates_is_said_and_raises_nothing(tmp_path: Path, content: bytes) -> None:
    paths = small_study(tmp_path / "study")
    decide(paths, 1)
    place = gate_report_path(paths, 4, "intake")
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    found = read(paths)
    assert (len(found.entries), len(found.damaged)) == (1, 1)
    assert str(place) in found.damaged[0]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(2000)])
def test_a_damaged_ledger_is_said_and_decisions_stay(tmp_path: Path, content: bytes) -> None:
    paths = small_study(tmp_path / "study")
    decide(paths, 1)
    paths.ledger.write_bytes(content)
    found = read(paths)
    assert len(found.entries) == 1
    assert all(str(paths.ledger) in line for line in found.damaged)
    assert bool(found.damaged) == bool(content)


def test_a_look_writes_nothing_into_the_study(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    decide(paths, 1)
    happen(paths)

    def files() -> dict[str, tuple[bytes, int]]:
        there = (path for path in paths.root.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in there}

    before = files()
    assert read(paths).n_found == 5
    assert files() == before


def test_a_look_at_a_ledger_that_a_loop_writes_sees_what_it_wrote_last(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    with open_ledger(paths.ledger) as ledger:
        for n in range(1, 4):
            ledger.fail(0, "plan", "a", f"fault {n}")
            assert next(one.why for one in read(paths).entries) == f"fault {n}"
            assert read(paths).n_found == n


def test_pages_are_bounded_and_show_each_entry_once(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    open_ledger(paths.ledger).__enter__().close()
    with sqlite3.connect(paths.ledger) as connection:
        rows = [(1.8e9 + n, "host:1", n % 6, "plan", "failed", f"fault {n}") for n in range(1000)]
        connection.executemany(
            "INSERT INTO events (time, owner, day, stage, event, detail) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
    connection.close()
    pages = [read_asked(paths, {"page": str(page)}) for page in range(1, 26)]
    assert [(one.n_found, one.n_pages, len(one.entries)) for one in pages] == [(1000, 25, ENTRIES_A_PAGE)] * 25
    assert [one.why for page in pages for one in page.entries] == [f"fault {n}" for n in reversed(range(1000))]
    assert read_asked(paths, {"day": "3"}).n_found == 167
    assert read_asked(paths, {"day": "77", "who": "nobody"}).n_found == 1000
    assert [read_asked(paths, {"kind": "fault", "page": page}).page for page in ("0", "26", "x", "-3")] == [1, 25, 1, 1]
    assert len(render_json(pages[0])) < 20_000


def test_what_people_wrote_is_text_on_the_page(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    decide(paths, 1, who="<script>alert(1)</script>", why='"><img src=x onerror=alert(1)>')
    text = render_fragment(history, read(paths), StudyName("one"))
    assert "<script>" not in text
    assert "<img" not in text
