"""What the gate says of sites that are others than on day 0: who, how many, and the command that leaves them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.identity import IdentityTable, OfferedSite, SiteIdentity
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.gates.intake.identity import site_identity
from tests.unit.gates.recorded_days import Recorded, tuning

N_SITES, N_ELECTRODES = 20, 24


def name(electrode: int) -> str:
    return f"array1-{electrode + 1:03d}"


def found_of(tmp_path: Path, changed: dict[int, dict[str, Any]], **values: Any) -> GateFinding:
    """Ask about day 1, of which ingest published what it says of some electrodes; the others are the same."""
    study = Recorded(tmp_path)
    usual: dict[str, Any] = {
        "state": "same",
        "correlation": 0.97,
        "standard_error": 0.02,
        "partner": "",
        "partner_correlation": None,
        "reliability_then": 0.9,
        "reliability_now": 0.9,
        "rate_then_hz": 40.0,
        "rate_now_hz": 42.0,
    }
    table = IdentityTable(
        simulated=True,
        day=1,
        n_images=109,
        expected=0.97,
        electrodes=tuple(
            SiteIdentity(neuroid_id=name(e), site_index=e if e < N_SITES else None, **usual | changed.get(e, {}))
            for e in range(N_ELECTRODES)
        ),
        **{"offered": (), **values},
    )
    place = catalog.IDENTITY.published(study.paths, 1)
    catalog.IDENTITY.write(place, table, simulated=True)
    write_manifest(place.parent)
    return study.ask(site_identity, 1)


def write_manifest(folder: Path) -> None:
    """Seal what ingest left of day 1."""
    Manifest(
        simulated=True,
        stage="ingest",
        day=1,
        seed=0,
        code_version="0",
        protocol_sha256="p",
        input_hash="i",
        inputs={},
        outputs=describe_files(folder),
        seconds=0,
        peak_memory_mb=0,
    ).write(folder / MANIFEST_NAME)


def test_sites_that_are_the_same_pass(tmp_path: Path) -> None:
    found = found_of(tmp_path, {})
    assert (found.level, found.remedy) == ("PASS", "")
    assert found.found == "20 of 20 sites (100 %), by 109 images"


def test_two_exchanged_sites_hold_and_the_commands_that_leave_them_out_are_named(tmp_path: Path) -> None:
    pair = {e: {"state": "moved", "partner": name(other), "correlation": 0.1} for e, other in ((3, 20), (20, 3))}
    found = found_of(tmp_path, pair)
    assert found.level == "HOLD"
    assert found.found.endswith("exchanged: array1-004 and array1-021")
    assert found.remedy.endswith(
        "closedloop exclude STUDY --site array1-004 --from-day 1 --from both --why TEXT"  # the other is no site
    )
    assert found.values["n_changed"] == 1


def test_exchanged_electrodes_that_are_no_sites_hold_too_for_the_map_is_wrong(tmp_path: Path) -> None:
    pair = {e: {"state": "moved", "partner": name(other)} for e, other in ((22, 23), (23, 22))}
    found = found_of(tmp_path, pair)
    assert (found.level, found.values["part_same"]) == ("HOLD", 1.0)
    assert "exclude" not in found.remedy


def test_a_site_in_anothers_place_holds(tmp_path: Path) -> None:
    found = found_of(tmp_path, {2: {"state": "moved", "partner": name(5)}, 5: {"state": "dead"}})
    assert found.level == "HOLD"
    assert "--site array1-003 --site array1-006 --from-day 1" in found.remedy
    assert "array1-003 answers as array1-006 did" in found.found
    assert "fallen silent: array1-006" in found.found


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("retuned", "tuned to something else: array1-008 (r = 0.2)"),
        ("lost", "firing, but telling the images apart no more: array1-008"),
        ("dead", "fallen silent: array1-008"),
    ],
)
def test_one_site_that_is_another_warns_with_its_name(tmp_path: Path, state: str, words: str) -> None:
    found = found_of(tmp_path, {7: {"state": state, "correlation": 0.2}})
    assert found.level == "WARN"
    assert found.found.endswith(words)
    assert "exclude STUDY --site array1-008 --from-day 1" in found.remedy


@pytest.mark.parametrize(("n_dead", "level"), [(2, "WARN"), (5, "WARN"), (6, "HOLD")])
def test_many_that_are_others_hold(tmp_path: Path, n_dead: int, level: str) -> None:
    assert found_of(tmp_path, {e: {"state": "dead"} for e in range(n_dead)}).level == level


def test_where_most_are_others_the_recording_is_to_be_brought_again_and_not_left_out(tmp_path: Path) -> None:
    shifted = {e: {"state": "moved", "partner": name((e - 1) % N_SITES)} for e in range(N_SITES)}
    found = found_of(tmp_path, shifted)
    assert found.level == "HOLD"
    assert "replace-recording" in found.remedy
    assert "exclude" not in found.remedy


def test_electrodes_that_are_no_sites_may_fall_silent(tmp_path: Path) -> None:
    assert found_of(tmp_path, {21: {"state": "dead"}, 22: {"state": "retuned"}}).level == "PASS"


def test_sites_that_cannot_be_told_count_neither_way(tmp_path: Path) -> None:
    found = found_of(tmp_path, {e: {"state": "unknown"} for e in range(15)} | {15: {"state": "missing"}})
    assert (found.level, found.values["n_told"]) == ("PASS", 4.0)
    nobody = found_of(tmp_path / "other", {e: {"state": "unknown"} for e in range(N_SITES)})
    assert (nobody.level, nobody.values) == ("PASS", {})
    assert "not known" in nobody.found


def test_new_sites_are_offered_in_what_was_found(tmp_path: Path) -> None:
    offered = (OfferedSite(neuroid_id=name(23), reliability_then=0.1, reliability=0.8),)
    found = found_of(tmp_path, {}, offered=offered)
    assert found.level == "PASS"
    assert found.found.endswith("reliable now and no site: array1-024")


def test_a_day_of_which_ingest_published_no_table_is_judged_by_its_profiles(tmp_path: Path) -> None:
    study = Recorded(tmp_path)
    for day in (0, 1):
        study.responses(day, tuning(N_ELECTRODES))
    assert "nearest to their own answers" in study.ask(site_identity, 1).expected
