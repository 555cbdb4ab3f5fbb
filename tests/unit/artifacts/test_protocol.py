"""The experiment's description: whole frames, the day's budget by hand, and what cannot be asked for."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from closedloop.artifacts.protocol.protocol import (
    Protocol,
    attacked_per_day,
    controls_per_day,
    parse_protocol,
    presentations_of,
    presentations_per_day,
    protocol_sha256,
    read_protocol,
    session_hours,
)
from closedloop.errors import ProtocolError
from tests.unit.messages import refused

PROTOCOLS = Path(__file__).parents[3] / "protocols"
SMOKE: dict[str, Any] = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text())


def changed(**values: Any) -> bytes:
    """Return smoke.yaml with some values replaced; `section__key=value`."""
    plain = deepcopy(SMOKE)
    for name, value in values.items():
        *sections, key = name.split("__")
        place = plain
        for section in sections:
            place = place[section]
        place[key] = value
    return yaml.safe_dump(plain).encode()


def parsed(**values: Any) -> Protocol:
    return parse_protocol(changed(**values), place="here")


@pytest.mark.parametrize("file", sorted(PROTOCOLS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_protocols_are_possible_and_named_as_their_files(file: Path) -> None:
    assert read_protocol(file).name == file.stem


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"fit__shards": 33}, r"shards: expected at most batch_size \(32\), found 33"),
        ({"fit__shards": 0}, "fit.shards"),
        ({"fit__train": "layer2"}, "fit.train: expected all, readout, or from and a layer"),
    ],
)
def test_a_refit_that_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        parsed(**values)


def test_a_refit_as_before_leaves_a_protocols_identity_as_it_was() -> None:
    stated = parsed(fit__shards=1, fit__precision="float32", fit__train="all")
    assert protocol_sha256(stated) == protocol_sha256(parsed())
    assert protocol_sha256(parsed(fit__shards=2)) != protocol_sha256(parsed())


def test_the_papers_day_adds_up_by_hand() -> None:
    """Section 3.1: 21 sites, 42 images a site and epsilon are 882 images per epsilon."""
    guo = read_protocol(PROTOCOLS / "guo2022.yaml")
    assert attacked_per_day(guo) == 4 * 882
    assert controls_per_day(guo) == 2 * 16 * 4
    presentations = 1000 * 2 + 168 * 4 + 25 * 10 + 4 * 882 * 2 + 2 * 16 * 4 * 2
    assert presentations_per_day(guo) == presentations
    trial_s = 0.250 + 0.160 + 6 * (0.100 + 0.100) + 0.500 + 0.120
    assert session_hours(guo) == pytest.approx(presentations / 6 / (1 - 0.2) * trial_s / 3600, rel=1e-12)


def test_yesterdays_attacks_and_shams_are_counted_as_they_are_dealt() -> None:
    """Anchors 0 and 1 of six; five sites of two anchors each take 0 to 5, then 0 to 3: two rounds, three epsilons."""
    wanted = {"sites__n_sites": 5, "attack__anchors_per_site": 2, "images__anchors": 6, "controls__n_images": 2}
    without = controls_per_day(parsed(**wanted))
    n_epsilons = len(parsed().attack.epsilons)
    assert controls_per_day(parsed(**wanted, controls__sham=True)) == without + 2
    assert controls_per_day(parsed(**wanted, controls__yesterday=True)) == without + 4 * n_epsilons
    none = {"images__anchors": 0, "controls__n_images": 0, "attack__anchors_per_site": 0}
    assert controls_per_day(parsed(**none, controls__sham=True, controls__yesterday=True)) == 0


def test_the_first_day_with_attacks_has_none_of_yesterdays() -> None:
    made = parsed(attack__first_day=1, controls__yesterday=True)
    without = parsed(attack__first_day=1)
    n_again = controls_per_day(made) - controls_per_day(without)
    assert n_again > 0
    differences = [presentations_of(made, day) - presentations_of(without, day) for day in range(3)]
    assert differences == [0, 0, n_again * made.controls.repetitions]


def test_controls_that_came_later_leave_a_protocols_identity_as_it_was() -> None:
    said = {"controls__sham": False, "controls__yesterday": False, "evaluation__other_site": False}
    assert protocol_sha256(parsed(**said)) == protocol_sha256(parsed())
    for key in said:
        assert protocol_sha256(parsed(**{key: True})) != protocol_sha256(parsed())


def test_a_control_kind_that_is_off_costs_nothing() -> None:
    assert controls_per_day(parsed(controls__gaussian=False)) == 3 * 2
    assert controls_per_day(parsed(controls__gaussian=False, controls__linear_interpolation=False)) == 0


@pytest.mark.parametrize(
    ("hz", "on_ms", "off_ms", "frames"),
    [
        (60, 100, 100, (6, 6)),
        (120, 100, 50, (12, 6)),
        (60, 100, 0, (6, 0)),
        (75, 40, 200, (3, 15)),
        (85, 200, 0, (17, 0)),
    ],
)
def test_times_become_whole_frames(hz: float, on_ms: float, off_ms: float, frames: tuple[int, int]) -> None:
    timing = parsed(presentation__refresh_hz=hz, presentation__on_ms=on_ms, presentation__off_ms=off_ms).presentation
    assert (timing.on_frames, timing.off_frames) == frames


@pytest.mark.parametrize("name", ["on_ms", "off_ms"])
def test_100_ms_at_59_94_hz_are_5_994_frames_and_refused(name: str) -> None:
    fitting = {"presentation__on_ms": 6 / 59.94 * 1000, "presentation__off_ms": 6 / 59.94 * 1000}
    values = fitting | {f"presentation__{name}": 100.0, "presentation__refresh_hz": 59.94}
    with refused(ProtocolError, f"here: presentation.{name}:", "5.994 frames at 59.94 Hz", "Use 100.100 ms"):
        parsed(**values)


@pytest.mark.parametrize("hz", [59.94, 75, 144, 239.76])
def test_the_times_that_the_message_names_are_accepted(hz: float) -> None:
    six_or_so = round(0.1 * hz) / hz * 1000
    text = float(f"{six_or_so:.3f}")
    timing = parsed(presentation__refresh_hz=hz, presentation__on_ms=text, presentation__off_ms=text).presentation
    assert timing.on_frames == round(0.1 * hz)


@pytest.mark.parametrize("on_ms", [0.01, 5.0])
def test_an_image_is_up_for_one_frame_at_least(on_ms: float) -> None:
    with refused(ProtocolError, "here: presentation.on_ms:", "whole number of frames", "Use 16.667 ms"):
        parsed(presentation__on_ms=on_ms)


@pytest.mark.parametrize(
    ("values", "field", "found"),
    [
        ({"attack__epsilons": [10.0, 2.5]}, "attack.epsilons:", "[10.0, 2.5]. Sort them."),
        (
            {"attack__epsilons": [2.5, 2.50]},
            "attack.epsilons:",
            "each value once, found 2.5 more than once. Name it once.",
        ),
        ({"attack__epsilons": [1, "1", 1.0]}, "attack.epsilons:", "found 1 more than once. Name it once."),
        ({"attack__epsilons": [1, 1.0000001]}, "attack.epsilons:", "differ in their first six digits"),
        ({"attack__epsilons": [1, "x"]}, "attack.epsilons.1:", "a number, found 'x'"),
        ({"attack__epsilons": 5}, "attack.epsilons:", "a list, found 5"),
        ({"attack__search": "cosin"}, "attack.search:", "found 'cosin'. Did you mean cosine?"),
        ({"attack__batch_size": "all"}, "attack.batch_size:", "a whole number or auto, found 'all'"),
        ({"attack__batch_size": 0}, "attack.batch_size:", "at least 1 or auto, found 0"),
        ({"days": "six"}, "days:", "a whole number, found 'six'"),
        ({"days": 1.5}, "days:", "a whole number, found 1.5"),
        ({"days": True}, "days:", "a number, found true"),
        ({"days": None}, "days:", "a whole number, found nothing"),
        ({"days": [1]}, "days:", "a whole number, found a list of 1"),
        ({"attack": 3}, "attack:", "keys with values, found 3"),
        ({"controls__gaussian": "maybe"}, "controls.gaussian:", "true or false, found 'maybe'"),
        ({"recording__specification": 2.3}, "recording.specification:", "Put it in quotes"),
        ({"recording__photodiode": ""}, "recording.photodiode:", "some text, found ''"),
        ({"simulation__recorder_faults": [{"name": "paus"}]}, "simulation.recorder_faults.0.name:", "mean pause?"),
        ({"epsilons": [1]}, "epsilons:", "Did you mean attack.epsilons or image_sensitivity.epsilons or "),
        ({"atack": {}}, "atack:", "Did you mean attack?"),
        ({"attack__epsilons": []}, "attack.epsilons:", "one or more, found a list of 0"),
        ({"attack__epsilons": [0.0, 1.0]}, "attack.epsilons.0:", "more than 0"),
        ({"attack__gradient": {"samples": 2}}, "attack.gradient.samples:", "found 2 equal ones"),
        ({"attack__gradient": {"shift": 1.0}}, "attack.gradient.shift:", "less than 1"),
        ({"attack__gradient": {"noise": -0.1}}, "attack.gradient.noise:", "at least 0"),
        ({"attack__gradient": {"shift": 0.1}, "attack__search": "annealed"}, "attack.search:", "Use cosine"),
        ({"attack__repetitions": 1}, "attack.repetitions:", "at least 2"),
        ({"attack__fresh_images_per_site": 31}, "attack.fresh_images_per_site:", "clean_per_day (30), found 31"),
        ({"attack__anchors_per_site": 7}, "attack.anchors_per_site:", "images.anchors (6), found 7"),
        ({"controls__n_images": 7}, "controls.n_images:", "images.anchors (6), found 7"),
        (
            {"attack__anchors_per_site": 0, "attack__fresh_images_per_site": 0},
            "attack.anchors_per_site:",
            "found none",
        ),
        ({"recording__window_stop_ms": 70.0}, "recording.window_stop_ms:", "[70, 70) ms"),
        ({"recording__window_start_ms": 170.5}, "recording.window_stop_ms:", "[170.5, 170) ms"),
        ({"name": "Guo 2022"}, "name:", "Guo 2022"),
        ({"trial__expected_broken_fraction": 1.0}, "trial.expected_broken_fraction:", "less than 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], field: str, found: str) -> None:
    with refused(ProtocolError, f"here: {field}", found):
        parsed(**values)


@pytest.mark.parametrize(("key", "value"), [("attack__steps", "nan"), ("fit__ridge", "inf"), ("fit__ridge", "-.inf")])
def test_what_is_no_finite_number_is_refused_by_name(key: str, value: str) -> None:
    with refused(ProtocolError, "here, line", f": {key.replace('__', '.')}: expected a finite number", value):
        parsed(**{key: float(value.replace(".", ""))})


@pytest.mark.parametrize("section", ["attack", "arms", "population", "preference", "image_sensitivity"])
def test_epsilons_that_would_name_two_images_alike_are_refused_in_every_section(section: str) -> None:
    found = "values that differ in their first six digits, which name them everywhere, found [10.0, 10.0000001]."
    with refused(ProtocolError, f"here: {section}.epsilons: expected", found):
        parsed(**{section: SMOKE.get(section, {}) | {"epsilons": [10.0, 10.0000001]}})
    assert parsed(**{section: SMOKE.get(section, {}) | {"epsilons": [10.0, 10.001]}})


def test_images_at_the_limit_of_what_is_shown_are_allowed() -> None:
    limit = parsed(attack__fresh_images_per_site=30, attack__anchors_per_site=6, controls__n_images=6)
    assert attacked_per_day(limit) == (30 + 6) * 4 * 2


def test_a_day_that_does_not_fit_says_what_it_costs() -> None:
    """smoke.yaml: 90 + 12 + 10 + 2 * 32 + 2 * 12 presentations in trials of 2.23 s, 28 % of them broken."""
    n = 30 * 3 + 6 * 2 + 5 * 2 + (2 + 2) * 4 * 2 * 2 + 2 * 3 * 2 * 2
    hours = n / 6 / 0.72 * 2.23 / 3600
    assert session_hours(parsed(trial__hours_per_day=hours * 1.001)) == pytest.approx(hours)
    with refused(ProtocolError, "here: trial.hours_per_day:", f"{n} presentations = {hours:.2f} h"):
        parsed(trial__hours_per_day=hours * 0.999)


def test_a_day_with_fewer_presentations_is_shorter_in_proportion() -> None:
    protocol = parsed()
    whole = session_hours(protocol)
    assert session_hours(protocol, n_presentations=presentations_per_day(protocol)) == pytest.approx(whole)
    assert session_hours(protocol, n_presentations=100) == pytest.approx(whole * 100 / presentations_per_day(protocol))


def test_a_key_that_is_misspelt_is_not_called_missing_besides() -> None:
    plain = deepcopy(SMOKE)
    plain["attack"]["serach"] = plain["attack"].pop("search")
    with refused(ProtocolError, "here: attack.serach: expected a known key (search)") as caught:
        parse_protocol(yaml.safe_dump(plain).encode(), place="here")
    assert "attack.search" not in str(caught.value)


def test_three_faults_are_spelled_out_and_the_others_counted() -> None:
    with refused(ProtocolError, "here: seed: expected at least 0, found -1; days:", "; and 2 more. Correct them."):
        parsed(seed=-1, days=0, trial__hold_ms=-1, trial__reward_ms="x", fit__ridge=0)


def test_one_epsilon_has_one_meaning_however_it_is_written() -> None:
    same = [parsed(attack__epsilons=epsilons) for epsilons in ([1, 2.5], [1.0, 2.50], ["1", "2.50"], ["1e0", "25e-1"])]
    assert len({protocol_sha256(one) for one in same}) == 1
    assert same[0].attack.epsilons == (1.0, 2.5)


def test_an_unknown_and_a_missing_key_are_named() -> None:
    with refused(ProtocolError, "here: attack.stepz:", "Did you mean steps? Correct its spelling."):
        parsed(attack__stepz=3)
    plain = deepcopy(SMOKE)
    del plain["trial"]["hold_ms"]
    with refused(ProtocolError, "here: trial.hold_ms:", "found none"):
        parse_protocol(yaml.safe_dump(plain).encode(), place="here")


@pytest.mark.parametrize("content", [b"a: [1", b"a: b: c", b"\xff\xfe\x00", b"a: !!python/object:os.system {}"])
def test_what_is_no_yaml_is_refused_in_one_line(content: bytes) -> None:
    with refused(ProtocolError, "here", "expected"):
        parse_protocol(content, place="here")


@pytest.mark.parametrize(("content", "found"), [(b"", "an empty file"), (b"- 1\n- 2\n", "a list"), (b"text", "text")])
def test_a_file_without_sections_is_refused(content: bytes, found: str) -> None:
    with refused(
        ProtocolError, "here: expected keys with values", f"found {found}. Start from protocols/guo2022.yaml."
    ):
        parse_protocol(content, place="here")


def test_a_missing_protocol_says_which_names_there_are(tmp_path: Path) -> None:
    with refused(ProtocolError, tmp_path / "none.yaml", "guo2022, ahead, dry_run, smoke"):
        read_protocol(tmp_path / "none.yaml")


def test_the_hash_is_of_what_a_protocol_says_not_of_how_it_is_written() -> None:
    whole = (PROTOCOLS / "smoke.yaml").read_bytes()
    reordered = yaml.safe_dump({name: SMOKE[name] for name in reversed(SMOKE)}, sort_keys=False).encode()
    spelled = whole.replace(b"days: 1 ", b"days: 0x1 ")
    assert spelled != whole
    hashes = {protocol_sha256(parse_protocol(content, place="here")) for content in (whole, reordered, spelled)}
    assert hashes == {protocol_sha256(parsed())}
    assert protocol_sha256(parsed(seed=2023)) not in hashes
    assert protocol_sha256(parsed(recording__window_stop_ms=170.1)) not in hashes


def test_a_protocol_from_before_there_was_a_choice_of_gradients_keeps_its_identity() -> None:
    plain = deepcopy(SMOKE)
    del plain["attack"]["gradient"]
    before = parse_protocol(yaml.safe_dump(plain).encode(), place="here")
    written_out = parsed(attack__gradient={"shift": 0, "scale": 0, "noise": 0, "blur": 0, "samples": 1})
    assert protocol_sha256(written_out) == protocol_sha256(before) != protocol_sha256(parsed())


def test_soft_rectifiers_come_back_as_written_and_are_another_protocol() -> None:
    written = SMOKE["attack"]["gradient"] | {"equal_members": False}
    hard, soft = (written | {"soft_relu": slope} for slope in (0, 3))
    assert protocol_sha256(parsed(attack__gradient=hard)) == protocol_sha256(parsed())
    protocol = parsed(attack__gradient=soft)
    assert protocol_sha256(protocol) != protocol_sha256(parsed())
    assert Protocol.model_validate_json(protocol.model_dump_json(exclude_defaults=True)) == protocol
    assert protocol.attack.gradient.soft_relu == 3
    assert not protocol.attack.gradient.model_copy(update={"shift": 0}).is_random
    with refused(ProtocolError, "here: attack.gradient.soft_relu:", "at least 0"):
        parsed(attack__gradient={"soft_relu": -1})


def test_the_papers_protocol_is_what_it_was_before_there_were_soft_rectifiers() -> None:
    known = "ded897eda0c77ddef3bba73b886a96a7c0c7560c3da1532eb44b6c957c0be4ad"
    assert protocol_sha256(read_protocol(PROTOCOLS / "guo2022.yaml")) == known


def test_a_protocol_from_before_there_was_a_choice_of_cortex_and_bound_keeps_its_identity() -> None:
    written_out = parsed(
        simulation__cortex="shipped", evaluation__white_box_search="cosine", evaluation__white_box_restarts=1
    )
    assert protocol_sha256(written_out) == protocol_sha256(parsed())
    for chosen in (
        {"simulation__cortex": "recurrent"},
        {"evaluation__white_box_search": "strengthened"},
        {"evaluation__white_box_restarts": 2},
    ):
        assert protocol_sha256(parsed(**chosen)) != protocol_sha256(parsed())
