"""Several studies at a glance: each says where it stands, and one that is damaged hides no other."""

from __future__ import annotations

import os
import re
from pathlib import Path

from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels import PANELS
from closedloop.service.web.events import LiveStudy
from closedloop.service.web.overview import overview
from closedloop.study.ledger import open_ledger
from closedloop.study.process.lock import study_lock
from tests.unit.service.panels.test_gates import report
from tests.unit.service.served import QUICK, served
from tests.unit.study.labs import lab


def studies(root: Path) -> dict[str, Path]:
    """Make one study of each kind."""
    held = lab(root / "held", simulated=False).paths
    report(held, 0, "preflight", twins="HOLD")
    waiting = lab(root / "waiting", simulated=False).paths
    with open_ledger(waiting.ledger) as ledger:
        ledger.wait(0, "recording", "hash", "Copy the recording.")
    running = lab(root / "running").paths
    with open_ledger(running.ledger) as ledger:
        ledger.begin(0, "refit", "hash")
    lab(root / "new")
    broken = lab(root / "broken").paths
    broken.study.write_bytes(b"\xff\xfe")
    broken.amendments.write_text("no amendment\n")
    return {path.name: path for path in sorted(root.iterdir())} | {"gone": root / "gone"}


def test_each_study_says_where_it_stands(tmp_path: Path) -> None:
    found = studies(tmp_path)
    with study_lock(found["running"]), served(found) as client:
        answer = client.get("/rows")
    assert answer.status_code == 200
    rows = re.findall(r'<li class="panel">.*?</li>', answer.text, re.DOTALL)
    states = {}
    for row in rows:
        text = " ".join(re.sub(r"<[^>]+>", " ", row).split())
        states[text.split()[0]] = text.split()[1]
    assert states == {
        "held": "held",
        "waiting": "waiting",
        "running": "running",
        "new": "new",
        "broken": "unreadable",
        "gone": "unreadable",
    }
    assert "Copy the recording." in answer.text
    assert "expected 20 sites, found 4 sites" in answer.text
    assert str(tmp_path / "broken/amendments.jsonl") in answer.text


def test_a_day_is_counted_from_0_and_a_study_that_is_done_says_how_many_there_were(tmp_path: Path) -> None:
    done, begun = lab(tmp_path / "done"), lab(tmp_path / "begun").paths
    done.run()
    with open_ledger(begun.ledger) as ledger:
        ledger.begin(0, "plan", "hash")
    with served({"done": tmp_path / "done", "begun": tmp_path / "begun"}) as client:
        text = " ".join(re.sub(r"<[^>]+>", " ", client.get("/rows").text).split())
    n_days = read_protocol(begun.protocol).days
    assert f"done {n_days} days" in text
    assert f"day 0 of {n_days} (from 0)" in text


def test_every_page_of_every_study_is_shown_whatever_is_damaged(tmp_path: Path) -> None:
    found = studies(tmp_path)
    with served(found) as client:
        answers = [client.get(f"/study/{name}") for name in found] + [client.get("/")]
    assert [answer.status_code for answer in answers] == [200] * 7


def test_what_nobody_thought_of_is_said_and_hides_no_other_study(tmp_path: Path) -> None:
    whole = lab(tmp_path / "one").paths
    studies = {"odd": StudyPaths(Path("a\0b")), "one": whole}
    rows = overview([LiveStudy(name, paths, PANELS, pace=QUICK) for name, paths in studies.items()])
    assert [row.where.state for row in rows] == ["unreadable", "new"]
    assert rows[0].damaged
    assert rows[1].damaged == ()


def test_a_folder_s_name_that_is_no_utf_8_hides_no_study(tmp_path: Path) -> None:
    odd, whole = lab(tmp_path / os.fsdecode(b"a\xff")).paths, lab(tmp_path / "one").paths
    odd.amendments.write_text("no amendment\n")  # a line about it names the folder
    with served({"odd": odd.root, "one": whole.root}) as client:
        addresses = ["/", "/rows", "/study/odd", *(f"/study/odd/panel/{one.NAME}" for one in PANELS)]
        answers = {one: client.get(one) for one in [*addresses, "/study/odd/panel/gates.json"]}
    assert {one: answer.status_code for one, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert f"{tmp_path}/a\\udcff" in answers["/"].text
    assert "amendments.jsonl, line 1" in answers["/study/odd/panel/gates.json"].text
