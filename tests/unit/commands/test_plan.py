"""`closedloop plan` by the command line itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import closedloop.cli
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.planned.command import next_session, protocol_can_show
from closedloop.errors import ClosedLoopError
from tests.unit.days import SMOKE
from tests.unit.study.labs import lab


def ran(*words: str | Path) -> str:
    """Return what a command line prints; an error is raised."""
    finished = CliRunner().invoke(closedloop.cli.app, ["plan", *map(str, words)], catch_exceptions=False)
    assert finished.exit_code == 0, finished.output
    return finished.output


def refused(*words: str | Path) -> str:
    """Return the line with which a command line is refused."""
    with pytest.raises(ClosedLoopError) as caught:
        CliRunner().invoke(closedloop.cli.app, ["plan", *map(str, words)], catch_exceptions=False)
    return str(caught.value)


def test_a_protocol_is_planned_without_a_study() -> None:
    text = ran("--protocol", "guo2022", "--hours", "1")
    assert text.startswith("Day 1, protocol guo2022: expected before anything was recorded.")
    assert "10,234 presentations" in text
    assert "To fit into 1 h, one of these" in text
    assert "Assumed: Reliability of every site 0.8" in text


def test_the_numbers_are_json(tmp_path: Path) -> None:
    plan = json.loads(ran("--protocol", SMOKE, "--json", "--out", tmp_path / "plan.html"))
    assert plan["protocol"] == "smoke"
    assert [one["epsilon"] for one in plan["epsilons"]] == [2.5, 10.0]
    assert plan["day"] == 0  # it has no other
    assert plan["n_presentations"] == sum(plan["presentations"].values())
    assert (tmp_path / "plan.html").stat().st_size > 10_000


def test_the_page_needs_nothing_else_and_names_the_command_that_makes_it(tmp_path: Path) -> None:
    out = tmp_path / "a plan.html"
    assert f"Open {out}" in ran("--protocol", "guo2022", "--hours", "1.5", "--day", "2", "--out", out)
    page = out.read_text()
    assert all(one.startswith("data:image/svg+xml;") for one in re.findall(r'(?:src|href)="([^"]+)"', page))
    assert f"closedloop plan --protocol guo2022 --day 2 --hours 1.5 --out &#39;{out}&#39;" in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("data:image/svg+xml") == 3
    assert ">nan" not in page


def test_a_study_before_its_first_session_is_planned_from_what_is_assumed(tmp_path: Path) -> None:
    study = lab(tmp_path / "ada's $study", simulated=False)
    before = sorted(tmp_path.rglob("*"))
    text = ran(study.paths.root)
    assert text.startswith("Day 0 of nobody, protocol smoke: expected before anything was recorded.")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_study_can_be_planned_by_another_protocol(tmp_path: Path) -> None:
    study = lab(tmp_path / "study", simulated=False)
    fewer = tmp_path / "fewer.yaml"
    changed = (
        SMOKE.read_text().replace("clean_per_day: 30 ", "clean_per_day: 20 ").replace("n_sites: 4 ", "n_sites: 2 ")
    )
    fewer.write_text(changed)
    numbers = [json.loads(ran(study.paths.root, "--json", *more)) for more in ((), ("--protocol", fewer))]
    assert numbers[0]["presentations"]["clean"] - numbers[1]["presentations"]["clean"] == 10 * 3
    assert [len(plan["epsilons"][0]["sites"]) for plan in numbers] == [4, 2]


def test_the_next_day_is_the_first_without_a_session(tmp_path: Path) -> None:
    paths, protocol = StudyPaths(tmp_path), read_protocol(SMOKE).model_copy(update={"days": 3})
    found = [next_session(paths, protocol)]
    for day in range(3):
        folder = paths.folder("present", day)
        folder.mkdir(parents=True)
        (folder / MANIFEST_NAME).touch()
        found.append(next_session(paths, protocol))
    assert found == [Block(0), Block(1), Block(2), Block(2)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "STUDY: expected a study folder, or --protocol, found neither. Name one."),
        (("--protocol", "guo2022", "--day", "6"), "--day: expected a day of the study, found 6"),
        (("--protocol", "guo2022", "--out", "plan.pdf"), "--out plan.pdf: expected a name that ends in .html"),
        (("--protocol", "nobodys"), "protocol nobodys: expected one of"),
        (("nowhere",), "nowhere: expected a study folder"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_line(words: tuple[str, ...], says: str) -> None:
    found = refused(*words)
    assert says in found
    assert "\n" not in found


def test_init_is_told_what_its_protocol_can_show(tmp_path: Path) -> None:
    lines = protocol_can_show(lab(tmp_path / "study", simulated=False).paths.root)
    assert lines[0].startswith("A day's plan, before anything is recorded: ")
    assert lines[1].startswith("Expected standard error of a day's sensitivity, in sigma: epsilon 2.5: ")
    assert sum(line.startswith("Assumed: ") for line in lines) == 3
