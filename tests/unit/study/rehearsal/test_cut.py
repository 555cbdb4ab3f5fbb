from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.artifacts.protocol.protocol import Protocol, parse_protocol, presentations_per_day
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.errors import OptionError
from closedloop.study.rehearsal.cut import CutProtocol, Cuts, cut_protocol


def cut(name: str, cuts: Cuts, *, n_arrays: int = 1) -> tuple[Protocol, CutProtocol]:
    content = shipped_protocols()[name].read_bytes()
    protocol = parse_protocol(content, place=name)
    return protocol, cut_protocol(content, protocol, cuts, place=name, subject="m", n_arrays=n_arrays)


def test_every_change_is_named_with_both_values_and_why_and_nothing_else_changes() -> None:
    before, made = cut("guo2022", Cuts(sites=4, images=40, steps=7), n_arrays=2)
    was, now = before.model_dump(mode="json"), made.protocol.model_dump(mode="json")
    differing = {
        f"{section}.{key}" if isinstance(was[section], dict) else section
        for section in was
        for key in (was[section] if isinstance(was[section], dict) else [None])
        if (was[section] if key is None else was[section][key]) != (now[section] if key is None else now[section][key])
    }
    assert {change.key for change in made.changes} == differing
    assert {change.key: change.after for change in made.changes}["sites.n_sites"] == "4"
    assert {change.why for change in made.changes if change.key == "attack.steps"} == {"asked for"}
    assert made.protocol.simulation.n_processors == 2


@settings(deadline=None, max_examples=15)
@given(images=st.integers(6, 1_200), sites=st.integers(1, 21))
def test_so_many_clean_images_are_shown_as_were_asked_for(images: int, sites: int) -> None:
    before, made = cut("guo2022", Cuts(images=images, sites=sites))
    shown = made.protocol.images
    whole = before.images.clean_per_day + before.images.anchors + before.images.normalizers
    assert shown.clean_per_day + shown.anchors + shown.normalizers == min(images, whole)
    assert made.protocol.attack.anchors_per_site >= 1


@pytest.mark.parametrize("most", [60, 200, 3_000])
def test_no_more_presentations_are_left_than_were_asked_for(most: int) -> None:
    _, made = cut("guo2022", Cuts(sites=1, presentations=most))
    assert presentations_per_day(made.protocol) <= most


def test_too_few_of_either_are_refused_with_what_there_has_to_be() -> None:
    with pytest.raises(OptionError, match=r"--images: expected at least 6"):
        cut("guo2022", Cuts(images=5))
    with pytest.raises(OptionError, match=r"--presentations: expected at least \d+ a day"):
        cut("guo2022", Cuts(presentations=10))


def test_spikes_from_voltage_are_given_voltage_and_planned_faults_of_a_simulation_are_left_out() -> None:
    _, made = cut("smoke", Cuts())
    assert made.protocol.recording.raw_electrodes == made.protocol.simulation.n_electrodes
    assert made.protocol.recording.raw_days == (0,)


@pytest.mark.parametrize("images", [12, 20, 400])
def test_each_round_of_a_day_that_is_cut_down_keeps_images(images: int) -> None:
    content = shipped_protocols()["guo2022"].read_bytes() + b"rounds: 4\n"
    protocol = parse_protocol(content, place="a")
    made = cut_protocol(content, protocol, Cuts(images=images), place="a", subject="m", n_arrays=1).protocol
    assert made.rounds == 4
    assert made.images.clean_per_day >= 8


def test_objectives_ask_no_more_sites_and_anchors_than_are_left() -> None:
    content = shipped_protocols()["objectives"].read_bytes()
    whole = parse_protocol(content, place="here")

    made = cut_protocol(content, whole, Cuts(days=2, images=25, sites=2), place="here", subject="copy", n_arrays=1)

    cut = parse_protocol(made.content, place="cut")
    assert [one.name for one in cut.objectives] == [one.name for one in whole.objectives]
    assert {one.n_sites for one in cut.objectives} == {2}
    assert max(one.n_images for one in cut.objectives) <= cut.images.anchors < whole.images.anchors
    assert cut.objectives[0].targets == whole.objectives[0].targets
