"""What somebody may have meant."""

from __future__ import annotations

from closedloop.plain_text.suggestions import closest, did_you_mean


def test_a_slip_of_the_finger_is_understood_and_nonsense_is_not() -> None:
    known = ["dry_run", "guo2022", "smoke"]
    assert did_you_mean("gou2022", known) == "Did you mean guo2022? "
    assert did_you_mean("SMOKE", known) == "Did you mean smoke? "
    assert did_you_mean("xyz", known) == ""
    assert closest("g" * 100_000, known) == ""
