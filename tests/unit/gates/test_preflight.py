"""Each gate before a session holds on a fault made for it, and a session without one passes them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.gates.held import Held
from closedloop.artifacts.gates.report import GateReport
from closedloop.gates.preflight import disk
from closedloop.gates.table import PREFLIGHT
from closedloop.study.gates.checkpoints import is_changed_by_machine
from tests.unit.gates.sessions_to_ask import EPSILONS, N_ANCHORS, N_PER_DAY, Ready, levels, ready

FIRST_ATTACK = N_PER_DAY  # row of the stimulus set; the audit begins with it
N_ATTACKS = N_ANCHORS * len(EPSILONS)
AT_10 = range(N_ANCHORS, N_ATTACKS)  # rows of the audit at the larger epsilon


def test_a_session_without_a_fault_passes_every_gate(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0)
    study.day(1)
    for day in (0, 1):
        report = study.preflight(day)
        assert levels(report) == {gate.name: "PASS" for gate in PREFLIGHT}
        assert not any(finding.remedy for finding in report.findings)


def bright(study: Ready) -> None:
    study.day(0, audit={row: {"luminance_shift": -0.04} for row in AT_10})


def clipped(study: Ready) -> None:
    study.day(0, audit={row: {"n_clipped": 8 * 8 * 3 // 3} for row in AT_10})


def rounded(study: Ready) -> None:
    study.day(0, audit={row: {"predicted_change": -0.6, "predicted_change_float": -1.0} for row in AT_10})


def unmoved(study: Ready) -> None:
    study.day(0, audit={row: {"predicted_change": 0.0, "predicted_change_float": 0.0} for row in AT_10})


def too_large(study: Ready) -> None:
    study.day(0, stimuli={FIRST_ATTACK: {"realised_epsilon": EPSILONS[0] * 1.001}})


def twins_next_to_each_other(study: Ready) -> None:
    others = [row for row in range(N_PER_DAY + N_ATTACKS) if row not in (0, FIRST_ATTACK)]
    study.day(0, order=[*others, 0, FIRST_ATTACK])


def anchor_among_the_new(study: Ready) -> None:
    study.day(0, pictures={0: "the same picture", N_ANCHORS: "the same picture"})


def anchor_fitted_the_day_before(study: Ready) -> None:
    study.day(0, pictures={N_ANCHORS: "the same picture"})
    study.day(1, pictures={0: "the same picture"})


def new_image_of_the_day_before(study: Ready) -> None:
    study.day(0, pictures={N_ANCHORS: "the same picture"})
    study.day(1, pictures={N_PER_DAY - 1: "the same picture"})


def slow_animal(study: Ready) -> None:
    study.day(0)
    study.shown(0, seconds_each=3600.0)
    study.day(1)


def full_disk(study: Ready) -> None:
    study.day(0)
    study.wrote("ingest", 0, 1)
    study.wrote("recording", 0, 10**18)
    study.day(1)


FAULTS = [
    *((too_large, "attack_budget"), (rounded, "attack_rounding"), (unmoved, "attack_rounding")),
    *((bright, "attack_luminance"), (clipped, "attack_clipping"), (twins_next_to_each_other, "twins_scheduled")),
    *((anchor_among_the_new, "image_reuse"), (anchor_fitted_the_day_before, "image_reuse")),
    *((new_image_of_the_day_before, "image_reuse"), (slow_animal, "hours"), (full_disk, "disk")),
]


@pytest.mark.parametrize(("fault", "gate"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_holds_its_gate_and_no_other(tmp_path: Path, fault, gate: str) -> None:
    study = ready(tmp_path, presentation={"twin_separation_min": 0.05})
    fault(study)
    last = 1 if (study.paths.folder("schedule", 1) / "session.json").is_file() else 0
    report = study.preflight(last)
    assert levels(report) == {one.name: "HOLD" if one.name == gate else "PASS" for one in PREFLIGHT}
    (held,) = report.holding
    assert held.remedy.endswith((".", "again."))
    assert "\n" not in held.found + held.expected + held.remedy


def test_every_gate_before_a_session_has_a_fault_that_holds_it() -> None:
    assert {gate for _, gate in FAULTS} == {gate.name for gate in PREFLIGHT}


def test_the_words_say_what_was_found_in_numbers(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0, stimuli={FIRST_ATTACK: {"realised_epsilon": 5.0}})
    found = study.finding("attack_budget")
    assert found.found == "1 of 12 changed by more, the most to 2 times its epsilon"
    assert found.values == {"largest_part": 2.0, "n_beyond": 1.0}


def test_a_sham_uses_nothing_of_a_budget_that_it_has_not(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0, stimuli={FIRST_ATTACK: {"kind": "sham", "epsilon": 0.0, "realised_epsilon": 0.0}})
    found = study.finding("attack_budget")
    assert (found.level, found.values["largest_part"]) == ("PASS", 1.0)


def test_a_hair_over_the_budget_is_no_grey_level(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0, stimuli={FIRST_ATTACK: {"realised_epsilon": EPSILONS[0] * (1 + 1e-9)}})
    assert study.finding("attack_budget").level == "PASS"


def test_a_few_bad_attacks_do_not_hide_behind_many_good_ones_of_another_epsilon(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0, audit={row: {"predicted_change": 0.5} for row in range(N_ANCHORS)})
    found = study.finding("attack_rounding")
    assert (found.level, found.found) == ("HOLD", "50 % of the predicted change lost to whole levels at epsilon 2.5")
    assert found.values["epsilon_10"] == pytest.approx(0.01, rel=1e-5)


def test_a_gate_warns_between_its_limits_and_says_what_to_do(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0, audit={row: {"luminance_shift": 0.02} for row in range(N_ATTACKS)})
    found = study.finding("attack_luminance")
    assert (found.level, found.found) == ("WARN", "a median shift of 5.1 grey levels at epsilon 10")
    assert found.remedy


def test_twins_are_apart_by_the_pace_that_was_planned(tmp_path: Path) -> None:
    """The attack at the larger epsilon on an image is shown six presentations before that image comes again."""
    study = ready(tmp_path)
    study.day(0)
    found = study.finding("twins_scheduled")
    hours = study.finding("hours").values["planned_h"]
    n_presentations = 2 * (N_PER_DAY + N_ATTACKS)
    assert hours is not None
    assert found.values["nearest_min"] == pytest.approx(N_ANCHORS * hours * 60 / n_presentations, rel=1e-5)


def test_hours_are_at_the_median_pace_of_the_days_before(tmp_path: Path) -> None:
    study = ready(tmp_path)
    for day, seconds_each in enumerate((2.0, 100.0)):
        study.day(day)
        study.shown(day, seconds_each=seconds_each)
    study.day(2)
    assert study.finding("hours", 2).values["needed_h"] == pytest.approx(48 * 51.0 / 3600, rel=1e-5)
    assert "at the pace of the days before" in study.finding("hours", 2).found
    assert "as many broken trials as the protocol expects" in study.finding("hours", 0).found


def test_a_disk_with_room_says_no_number_that_changes_by_the_minute(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0)
    found = study.finding("disk")
    assert (found.level, found.found, found.values["free_gb"]) == ("PASS", "enough", None)


def test_a_full_disk_is_asked_again_until_it_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ready(tmp_path)
    full_disk(study)
    found = study.finding("disk", 1)
    held = Held(1, "preflight", "disk", found.expected, found.found, found.remedy)
    other = Held(1, "preflight", "hours", "few", "many", "Plan less.")
    assert found.level == "HOLD"
    assert not is_changed_by_machine(study.paths, (held, other))
    monkeypatch.setattr(disk, "shutil", _Room())
    assert is_changed_by_machine(study.paths, (other, held))
    assert not is_changed_by_machine(study.paths, (other,))  # of files: who changed them is told by them


class _Room:
    """A disk with room."""

    class Usage:
        free = 10**20

    def disk_usage(self, _path: Path) -> Usage:
        return self.Usage()


def test_what_the_last_day_wrote_is_what_this_one_needs(tmp_path: Path) -> None:
    study = ready(tmp_path, recording={"raw_electrodes": 0})
    study.day(0)
    study.wrote("ingest", 0, 2_000_000)
    study.wrote("recording", 0, 3_000_000)
    study.day(1)
    before = sum(
        sum(path.stat().st_size for path in study.paths.folder(stage, 0).iterdir() if path.name != "manifest.json")
        for stage in ("synthesize", "schedule")
    )
    assert study.finding("disk", 1).values["needed_gb"] == pytest.approx((before + 5_000_000) / 1e9, rel=1e-5)


def test_a_first_day_with_voltage_needs_what_its_samples_take(tmp_path: Path) -> None:
    """96 electrodes at 30 kHz of two bytes are 5.76 MB a second; two arrays are twice that."""
    study = ready(tmp_path, simulated=False)
    one = study.study.model_copy(update={"nsx": (".ns6",)})
    study.day(0)
    one.write(study.paths.study)
    first = study.finding("disk").values["needed_gb"]
    one.model_copy(update={"arrays": ("left", "right")}).write(study.paths.study)
    assert first is not None
    assert study.finding("disk").values["needed_gb"] == pytest.approx(2 * first, rel=1e-5)
    seconds = (study.finding("hours").values["planned_h"] or 0) * 3600
    spikes = 96 * 30 * (8 + 2 * study.protocol.recording.waveform_samples)
    assert first * 1e9 == pytest.approx(seconds * (96 * 30_000 * 2 + spikes), rel=1e-5)


def test_a_set_without_an_audit_warns_that_nobody_knows(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0, with_audit=False)
    found = levels(study.preflight())
    assert {name for name, level in found.items() if level == "WARN"} == {
        "attack_rounding",
        "attack_luminance",
        "attack_clipping",
    }
    assert "HOLD" not in found.values()


def test_a_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    study = ready(tmp_path)
    study.day(0)
    report = study.preflight()
    report.write(tmp_path / "preflight.json")
    assert GateReport.read(tmp_path / "preflight.json") == report
