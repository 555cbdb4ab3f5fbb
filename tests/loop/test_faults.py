"""The disk fails at some operations of a day and of a rig's session, or forgets what was not synced: nothing is lost.

A dozen of each kind, drawn by a seed; `make faults` has all of them. A case is run again alone by
`python -m tools.faults --case NAME`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.faults.campaign import ASKED, EVERY, Campaign, draw, run_all
from tools.faults.shim import compiler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(compiler() is None, reason="needs a C compiler (cc or gcc)"),
]
A_DOZEN, SEED = 12, 10
CHEAP = {"01-plan", "03-schedule", "rig"}  # the others are as all others, and take longer


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    made = Campaign(tmp_path_factory.mktemp("faults"), until="schedule")
    yield made
    made.close()


def test_after_a_fault_the_same_command_gives_the_same_bytes(campaign: Campaign) -> None:
    cases = [case for case in campaign.cases(kinds=tuple(EVERY), actions=ASKED, n_states=10_000) if case.part in CHEAP]
    results = run_all(campaign, draw(cases, A_DOZEN, seed=SEED), lambda _text: None)
    assert not {result.case: result.faults for result in results if result.faults}
    assert len(results) == A_DOZEN * (len(EVERY) + 1)
    assert sum(result.fired for result in results) >= 0.9 * len(results)
    assert {1, -9} <= {result.code for result in results}  # some were refused in one line, some were killed


def test_status_does_nothing_to_a_study_on_its_disk(campaign: Campaign) -> None:
    ended, counts = campaign.counts_of("closedloop", "status", campaign.study)
    assert ended.code == 0
    assert "schedule" in ended.stdout
    assert counts.pop("read") > 0
    assert not any(counts.values()), counts
