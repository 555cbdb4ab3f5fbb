"""The tables about the recorder's processors: shown when there is something to say."""

from __future__ import annotations

from closedloop.artifacts.day.quality import ClockRun, DeviceQuality, IngestQuality
from closedloop.report.recordings.quality_tables import devices, site_changes
from closedloop.report.recordings.quality_tables import quality as quality_table


def device(processor: int, **changes: object) -> DeviceQuality:
    usual = DeviceQuality(
        name=f"nsp{processor}",
        processor=processor,
        duration_s=600.0,
        n_epochs=1,
        n_stretches=1,
        n_electrodes=96,
        n_spikes=1000,
        n_used=90,
        set_aside={"touches a gap of the recording": 10},
        codes_received=120,
        codes_matched=118,
        codes_lost=2,
        codes_doubled=0,
        codes_changed=0,
        codes_unmatched=(),
        clocks=(ClockRun(segment=0, epoch=0, n_codes=118, offset_s=1.0, drift_ppm=-20.5, residual_iqr_ms=0.1),),
        light_from="nsp1",
        photodiode_lag_median_ms=12.0,
        photodiode_lag_iqr_ms=0.1,
        n_without_photodiode=0,
        repairs=(),
    )
    return usual.model_copy(update=changes)


def quality(*of_devices: DeviceQuality, **changes: object) -> IngestQuality:
    return IngestQuality(
        simulated=True,
        day=1,
        session_id="x",
        files={},
        spikes_from="nev",
        n_spikes=1000,
        duration_s=600.0,
        n_presented=100,
        n_rejected=0,
        n_used=100,
        set_aside={},
        codes_sent=120,
        codes_received=120,
        codes_matched=118,
        codes_lost=2,
        codes_doubled=0,
        codes_changed=0,
        codes_unmatched=(),
        clock_offset_s=0.0,
        clock_drift_ppm=0.0,
        clock_residual_iqr_ms=0.0,
        photodiode_lag_median_ms=None,
        photodiode_lag_iqr_ms=None,
        n_without_photodiode=0,
        twin_separation_median_min=None,
        twin_separation_min_min=None,
        raw_agreement=(),
        reliability_median=None,
        devices=of_devices,
    ).model_copy(update=changes)


def test_one_sound_processor_needs_no_table() -> None:
    assert devices([quality(device(1))]) is None
    assert devices([quality()]) is None


def test_two_processors_are_listed_with_what_each_lost() -> None:
    table = devices([quality(device(1, set_aside={}), device(2))])
    assert table is not None
    assert [row[1] for row in table.rows] == ["nsp1", "nsp2"]
    assert table.rows[1][4] == "−20.50 ppm"
    assert table.rows[1][5] == "118 of 120"
    assert table.rows[1][7] == "10 touches a gap of the recording"


def test_repairs_are_listed_even_of_one_processor() -> None:
    table = devices([quality(device(1, repairs=("a.ns6: cut",)))])
    assert table is not None
    assert table.rows[0][-1] == "a.ns6: cut"


def test_electrodes_that_appear_or_vanish_are_named() -> None:
    assert site_changes([quality()]) is None
    table = site_changes([quality(sites_new=("array1-003",), sites_missing=("array1-001", "array1-002"))])
    assert table is not None
    assert table.rows == (("1", "new", "array1-003"), ("1", "missing", "array1-001, array1-002"))


def test_files_that_end_early_and_electrodes_that_are_missing_are_on_the_page() -> None:
    said = "array1.nev ends 12.0 s before array1.ns6"
    missing = "2 of 4 electrodes: the voltage ends before it"
    table = devices([quality(device(1, remarks=(said,), used_in_part={missing: 7}))])
    assert table is not None
    assert table.rows[0][-1] == f"{said}; 7 used without {missing}"


def test_a_lost_or_doubled_code_is_not_counted_again_as_one_that_belongs_to_nothing() -> None:
    """As the report had it: three codes without a partner, of which one belongs to nothing sent."""
    fates = ("lost: code 3 at 1.0 s (rig), number 2", "doubled: code 4 at 2.0 s (array), number 3")
    foreign = "foreign: code 9 at 3.0 s (array), number 7"
    lines = dict(quality_table([quality(codes_unmatched=(*fates, foreign))]).rows)
    assert lines["codes that belong to nothing sent"] == "1"


def test_twins_apart_are_minutes_or_parts_of_one_with_what_both_numbers_are() -> None:
    days = [quality(twin_separation_median_min=2.83, twin_separation_min_min=0.0267), quality()]
    table = quality_table(days)
    (row,) = [row for row in table.rows if "twin" in row[0]]
    assert row == ("changed image to its clean twin, median (least)", "2.8 (0.027) min", "–")
    assert "the median over all showings and the least" in table.caption


def test_what_no_recording_is_known_to_hold_has_a_line_where_there_was_any() -> None:
    name = "… of these in no recording, as far as is known"
    rows = {row[0]: row[1:] for row in quality_table([quality(n_rejected=9, n_not_recorded=7), quality()]).rows}
    assert rows[name] == ("7", "0")
    assert list(rows).index(name) == list(rows).index("rejected by the rig") + 1
    assert name not in {row[0] for row in quality_table([quality()]).rows}
