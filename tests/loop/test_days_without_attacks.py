"""Days before the first with attacks (`attack.first_day`): each is evaluated and has its page, probes or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loop.real_study import PROTOCOL, make_real_study
from tests.loop.studies import closedloop

pytestmark = pytest.mark.slow

PROBES = """probes: {per_day: 6, held_out: 2, epsilon: 30, steps: 2, disagreement: 0}
"""


def protocol_from(folder: Path, first_day: int, *, more: str = "") -> Path:
    """Write the smallest protocol, of three days, with its attacks from a day on."""
    written = folder / "late_attacks.yaml"
    text = (
        PROTOCOL.read_text().replace("days: 2", "days: 3").replace("attack:", f"attack:\n  first_day: {first_day}", 1)
    )
    written.write_text(text + more)
    return written


def test_an_animal_s_day_0_without_attacks_leaves_a_page_and_the_next_session(tmp_path: Path) -> None:
    made = make_real_study(tmp_path / "study", protocol=protocol_from(tmp_path, 1))
    made.day_of_data()
    assert (made.go_on().waiting_for or "").startswith("day 1: the session is ready")
    page = (made.root / "report" / "index.html").read_text()
    assert "Prediction of unseen clean images" in page
    assert "of 0 attacks" not in page
    assert "Part of the attacks whose measured" not in page


def test_a_day_of_probes_alone_has_a_page_of_its_stimuli(tmp_path: Path) -> None:
    study = tmp_path / "study"
    ran = closedloop("dry-run", study, "--protocol", protocol_from(tmp_path, 2, more=PROBES), "--days", 2)
    assert ran.returncode == 0, ran.stderr
    page = (study / "report" / "day-01-stimuli.html").read_text()
    assert "and no controls, 8 probes" in page
    assert "What the bytes are" not in page
