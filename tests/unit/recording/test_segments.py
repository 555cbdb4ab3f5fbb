"""Names that programs read keep the words they had when files were first written."""

from __future__ import annotations

from closedloop.recording.segments import names_for_machines


def test_what_programs_read_keeps_its_older_words_at_every_depth_and_in_order() -> None:
    content = {
        "runs": ({"launch": 1, "clock_segment": 2, "n_codes": 3},),
        "unplaced_clock_segments": [{"clock_segment": 4, "reason": "clock_segment"}],
    }
    found = names_for_machines(content)
    assert found == {
        "runs": [{"segment": 1, "epoch": 2, "n_codes": 3}],
        "unplaced_epochs": [{"epoch": 4, "reason": "clock_segment"}],
    }
    assert list(found["runs"][0]) == ["segment", "epoch", "n_codes"]
