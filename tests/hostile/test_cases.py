"""Every file that was a fault once ends in a result or in one line, within ten seconds and 500 MB."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fuzz.reader import Reader
from tools.fuzz.readers import READERS
from tools.fuzz.run import fuzz, read_kept, summary_lines

CASES = Path(__file__).parents[1] / "data" / "hostile"


def cases_of(reader: Reader) -> list[Path]:
    folder = CASES / reader.name
    return sorted(folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize("name", sorted(READERS))
def test_no_case_of_a_reader_is_a_fault(name: str) -> None:
    reader = READERS[name]
    endings = {case.name: read_kept(reader, case).verdict for case in cases_of(reader)}
    assert not {name: verdict.kind for name, verdict in endings.items() if verdict.outcome == "fault"}


def test_every_case_is_of_a_reader_and_has_its_line_in_the_table() -> None:
    named = {line.split("`")[1] for line in (CASES / "README.md").read_text().splitlines() if line.startswith("| `")}
    assert {f"{reader.name}/{case.name}" for reader in READERS.values() for case in cases_of(reader)} == named
    assert {folder.name for folder in CASES.iterdir() if folder.is_dir()} <= set(READERS)


@pytest.mark.slow
def test_a_few_hundred_fuzzed_inputs_are_read_or_refused(tmp_path: Path) -> None:
    found = fuzz(list(READERS.values()), n=400, seed=7, folder=tmp_path)
    assert not [line for line in summary_lines(found) if " x " in line]
    assert sum(sum(one.outcomes.values()) for one in found.values()) >= 390
