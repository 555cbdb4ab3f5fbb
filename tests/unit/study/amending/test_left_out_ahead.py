"""Which sites are attacked on days to come, as people leave them out of the evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.amended.exclusions import left_out, not_attacked
from closedloop.artifacts.catalog import SITES
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.protocol.evolution.section import Evolution
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import ArrayFiles
from closedloop.errors import OptionError, StudyError
from closedloop.study.amending.exclusions import Things, exclude, include
from closedloop.study.loop import read_identity
from tests.unit.messages import refused
from tests.unit.study.amending.decided_labs import scheduled, skip
from tests.unit.study.labs import Lab, lab

NAMES = ("array1-002", "array1-003", "array1-004")


def write_sites(made: Lab) -> None:
    sites = [
        Site(neuroid_id=name, electrode_id=index + 2, reliability=0.8, mean_rate_hz=9.0, sigma_hz=3.0, site_index=index)
        for index, name in enumerate(NAMES)
    ]
    SiteTable(simulated=False, day=0, sites=tuple(sites)).write(SITES.published(made.paths, 0))


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    """A study of three sites that waits for the session of day 1; day 2 is the first that is not made."""
    study = scheduled(tmp_path / "study", day=1)
    write_sites(study)
    return study


def leave_out(made: Lab, *sites: str, from_day: int = 0, to_day: int | None = None, keep: bool = False) -> list[str]:
    wanted = Things(sites=sites, from_day=from_day, to_day=to_day, parts=("evaluation",))
    return exclude(made.paths, *read_identity(made.paths), wanted, by="ada", why="it drifts", keep_attacking=keep)


def attacked(made: Lab, day: int) -> set[str]:
    out = not_attacked(read_amendments(made.paths.amendments), session=Block(day))
    return {name for name in NAMES if not any(one.covers_site(name) for one in out)}


def test_sites_left_out_of_days_that_are_over_are_attacked_on(made: Lab) -> None:
    first, second, third = NAMES
    for days in ((first, 0, 0), (second, 1, 1), (third, 0, 0)):
        said = leave_out(made, days[0], from_day=days[1], to_day=days[2])
        assert not any("Attacked no longer" in line for line in said)
    assert attacked(made, 2) == set(NAMES)


def test_a_day_to_come_keeps_a_site_to_attack(made: Lab) -> None:
    first, second, third = NAMES
    leave_out(made, first, second, to_day=2)
    leave_out(made, third, from_day=3)  # day 2 has this one, day 3 the others
    assert (attacked(made, 2), attacked(made, 3)) == ({third}, {first, second})
    with refused(StudyError, made.paths.root, "still attacked on day 3", "--keep-attacking"):
        leave_out(made, first, second, from_day=1)


def test_sites_that_are_attacked_nevertheless_leave_others_to_be_left_out(made: Lab) -> None:
    first, second, third = NAMES
    leave_out(made, first, second, keep=True)
    leave_out(made, third)
    assert attacked(made, 2) == {first, second}


def test_it_is_said_from_which_day_on_a_site_is_attacked_no_longer(made: Lab) -> None:
    assert "Attacked no longer from day 2 on, the first session that is still to be made." in leave_out(made, NAMES[0])
    assert "Attacked no longer from day 3 on." in leave_out(made, NAMES[1], from_day=3)


def test_it_is_said_that_evolving_images_of_a_site_end_where_there_are_any(made: Lab) -> None:
    ends = "Images that evolve for these sites end there; the next most reliable sites begin in their place."
    assert ends not in leave_out(made, NAMES[0])
    document, protocol = read_identity(made.paths)
    evolving = protocol.model_copy(update={"evolution": Evolution(n_sites=1)})
    wanted = Things(sites=(NAMES[1],), parts=("evaluation",))
    assert ends in exclude(made.paths, document, evolving, wanted, by="ada", why="it drifts", keep_attacking=False)
    wanted = Things(sites=(NAMES[2],), parts=("evaluation",))
    said = exclude(made.paths, document, evolving, wanted, by="ada", why="it drifts", keep_attacking=True)
    assert ends not in said


def test_an_array_that_init_was_told_by_its_files_is_left_out_by_that_name(made: Lab) -> None:
    """Its sites are named by the processor: the name that people know must reach them."""
    document, protocol = read_identity(made.paths)
    files = tuple(ArrayFiles(name=name, files=f"{name}*") for name in ("left", "right"))
    named = document.model_copy(update={"arrays": ("left", "right"), "array_files": files})

    def leave_out_array(name: str) -> list[str]:
        wanted = Things(arrays=(name,), parts=("fit",))
        return exclude(made.paths, named, protocol, wanted, by="ada", why="broken", keep_attacking=False)

    with pytest.raises(OptionError, match="found right: no sites"):
        leave_out_array("right")
    assert leave_out_array("left")[0] == "array array1: left out of the fit."
    (out,) = left_out(read_amendments(made.paths.amendments), "fit", until=Block(1))
    assert all(out.covers_site(name) for name in NAMES)


def test_an_array_that_an_older_version_left_out_by_the_told_name_is_taken_in_by_it(made: Lab) -> None:
    document, protocol = read_identity(made.paths)
    wanted = Things(arrays=("left",), parts=("fit",))
    before = document.model_copy(update={"arrays": ("left",)})
    exclude(made.paths, before, protocol, wanted, by="ada", why="broken", keep_attacking=False)
    named = before.model_copy(update={"array_files": (ArrayFiles(name="left", files="L*"),)})
    assert include(made.paths, named, protocol, wanted, by="ada", why="found again")
    assert left_out(read_amendments(made.paths.amendments), "fit", until=Block(1)) == ()


def test_a_skipped_day_without_a_plan_is_not_the_first_to_be_planned(tmp_path: Path) -> None:
    made = scheduled(tmp_path / "study", day=1)
    write_sites(made)
    skip(made, 2)
    assert "Attacked no longer from day 3 on, the first session that is still to be made." in leave_out(made, NAMES[0])


def test_before_day_0_chose_the_sites_neither_these_nor_arrays_are_known(tmp_path: Path) -> None:
    made = lab(tmp_path / "study", simulated=False)
    document, protocol = read_identity(made.paths)
    unnamed = document.model_copy(update={"arrays": ()})
    told = document.model_copy(update={"arrays": ("left",), "array_files": (ArrayFiles(name="left", files="L*"),)})
    with refused(StudyError, made.paths.root, "expected sites, which day 0 chooses"):
        wanted = Things(arrays=("left",), parts=("fit",))
        exclude(made.paths, told, protocol, wanted, by="ada", why="dead", keep_attacking=False)
    for wanted in (Things(sites=("0",), parts=("fit",)), Things(arrays=("array1",), parts=("fit",))):
        with refused(StudyError, made.paths.root, "expected sites, which day 0 chooses"):
            exclude(made.paths, unnamed, protocol, wanted, by="ada", why="dead", keep_attacking=False)
