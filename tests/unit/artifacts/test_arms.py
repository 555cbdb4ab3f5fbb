"""The protocol's section on arms: what cannot be is refused in a line, and what it costs is counted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from closedloop.artifacts.protocol.arms.section import Arm, Arms
from closedloop.artifacts.protocol.protocol import Protocol, presentations_of, protocol_sha256, read_protocol
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols

SMOKE = read_protocol(shipped_protocols()["dry_run"])
ARMS = [{"name": "paper", "search": "paper31", "steps": 40}, {"name": "half", "share": 0.5}]
FOREIGN = {
    "source": "module",
    "factory": "net.py:network",
    "layer": "trunk",
    "weights": "random",
    "layout": {"kind": "nchw"},
    "preprocessing": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}


def with_arms(**section: Any) -> Protocol:
    plain = SMOKE.model_dump(mode="json")
    return Protocol.model_validate(plain | {"arms": {"arms": ARMS, "n_pairs": 20, **section}})


def asking(**objective: Any) -> dict[str, Any]:
    return {"name": "a", "objective": objective}


def test_a_network_of_an_arm_may_be_of_any_source() -> None:
    protocol = with_arms(models=[{"name": "mine", "base_model": FOREIGN}])
    assert [one.source for one in protocol.networks][-1] == "module"
    assert protocol.networks[0] == protocol.base_model
    assert len(protocol.networks) == 2 + len(protocol.ensemble)


def test_levels_are_made_of_every_pair_and_without_a_ball_once_whatever_the_epsilons() -> None:
    levels = asking(kind="level", targets=[-1, 0, 2], unit="sd") | {"steps": 7}
    most = {"name": "most", "objective": {"kind": "maximise"}, "share": 0.5}
    section = with_arms(arms=[levels, most], epsilons=[2.5, 10.0]).arms
    assert [section.images_of(arm) for arm in section.arms] == [20 * 2 * 3, 10]
    assert section.n_made(1) == 130
    assert section.gradients_of(1) == 2 * (120 * 7 + 10 * 20)
    assert section.epsilons_of(section.arms[1]) == (10.0,)
    assert section.sites_of([5, 3, 1]) == (5, 3, 1)
    assert section.model_copy(update={"n_sites": 2}).sites_of([5, 3, 1]) == (5, 3)


def test_arms_without_an_objective_say_what_they_said_before() -> None:
    plain = with_arms().arms.model_dump(mode="json", exclude_defaults=True)
    assert {"objective", "n_sites"}.isdisjoint({*plain, *(key for arm in plain["arms"] for key in arm)})


def test_what_a_protocol_without_arms_says_is_what_it_said_before() -> None:
    plain = SMOKE.model_dump(mode="json", exclude={"arms"})
    assert protocol_sha256(Protocol.model_validate(plain)) == protocol_sha256(SMOKE)
    assert b"arms" not in SMOKE.model_dump_json(exclude_defaults=True).encode()


def test_shares_are_of_the_first_pairs_and_all_showings_are_counted() -> None:
    protocol = with_arms(epsilons=[2.5, 10.0], repetitions=3)
    assert [protocol.arms.pairs_of(arm) for arm in protocol.arms.arms] == [20, 10]
    assert protocol.arms.n_made(0) == 0
    assert protocol.arms.n_made(1) == 2 * 30
    without = presentations_of(SMOKE, 1)
    assert presentations_of(protocol, 1) == without + 3 * 2 * 30
    assert protocol.arms.gradients_of(1) == 2 * 2 * (20 * 40 + 10 * 20)


def test_what_moves_changes_no_number_of_a_day_and_is_written_only_where_it_is_asked_for() -> None:
    fixed, adaptive = with_arms(), with_arms(adaptive={"moved": 0.8})
    assert [protocol.arms.n_made(2) for protocol in (fixed, adaptive)] == [30, 30]
    assert presentations_of(adaptive, 2) == presentations_of(fixed, 2)
    assert "adaptive" not in fixed.model_dump(mode="json")["arms"]
    assert adaptive.arms.gradients_of(1) == fixed.arms.gradients_of(1)
    # Of 20 pairs of 40 steps 16 may move, of 10 of 20 steps 8: all of these could go to the dearer arm.
    assert adaptive.arms.gradients_of(2) == fixed.arms.gradients_of(2) + 2 * 8 * (40 - 20)
    assert adaptive.arms.adaptive is not None
    assert [adaptive.arms.adaptive.kept_of(n) for n in (20, 10, 1)] == [4, 2, 1]
    assert [adaptive.arms.decides(day, of=3) for day in range(4)] == [False, True, True, False]
    assert not fixed.arms.decides(1, of=3)


def test_of_a_day_of_rounds_the_last_one_has_them() -> None:
    protocol = with_arms().model_copy(update={"rounds": 2})
    made = [protocol_of_session(protocol, day=1, number=number).arms.n_made(1) for number in (1, 2)]
    assert made == [0, 30]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"arms": [{"name": "a", "model": "member_9"}]}, "expected a model among day, .*found member_9 for a"),
        ({"arms": [{"name": "a", "model": "vanilla"}]}, "found vanilla for a"),
        ({"arms": [{"name": "a"}, {"name": "a"}]}, "found a more than once"),
        ({"n_pairs": 10_000}, r"at most images.anchors x sites.n_sites \(\d+\), found 10000"),
        ({"first_day": 0}, "arms.first_day: expected 1 or later"),
        ({"epsilons": [10.0, 2.5]}, "expected ascending values"),
        ({"adaptive": {"moved": 0.9}}, "less than or equal to 0.8"),
        ({"adaptive": {}, "n_pairs": 2}, "expected every arm to keep 2 pairs a day or more, found 1 of"),
        ({"arms": [{"name": "day", "model": "member_0"}]}, "expected no arm named as another model than its own"),
        ({"adaptive": {}, "arms": ARMS[:1]}, "arms.adaptive: expected two arms or more, found 1"),
        ({"adaptive": {"first_day": 1}}, r"expected a day after arms.first_day \(1\).*found 1"),
        ({"adaptive": {}, "n_pairs": 1764}, r"expected fewer than images.anchors x sites.n_sites \(1764\)"),
        ({"arms": [{"name": "a", "share": 1.5}]}, "less than or equal to 1"),
        ({"models": [{"name": "day", "base_model": {"layer": "layer3.0", "weights": "small_plain_robust"}}]}, "Rename"),
        ({"n_sites": 1_000}, r"arms.n_sites: expected at most sites.n_sites \(\d+\), found 1000"),
        ({"n_sites": 1, "n_pairs": 200}, r"at most images.anchors x arms.n_sites \(\d+\), found 200"),
        ({"adaptive": {}, "arms": [ARMS[0], asking(kind="maximise")]}, "expected arms that all attack.*objective of a"),
        ({"arms": [asking(kind="level")]}, "targets: expected some for arm, found 0"),
        ({"arms": [asking(kind="maximise", targets=[1])]}, "targets: expected none for arm, found 1"),
        ({"arms": [asking(kind="level", targets=[1, 1])]}, "expected each value once"),
        ({"arms": [asking(kind="controversial")]}, "against: expected the name of another model for controversial"),
        ({"arms": [asking(kind="population", against="day")]}, "against: expected none for population, found 'day'"),
        ({"arms": [asking(kind="controversial", against="vanilla")]}, "found vanilla for a"),
        ({"arms": [asking(kind="controversial", against="day")]}, "expected another model for a to part from"),
        ({"arms": [asking(kind="maximise") | {"search": "paper31"}]}, "search: expected cosine for an objective"),
        ({"arms": [asking(kind="layer_displacement")]}, "Input should be 'level'"),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        with_arms(**section)


def test_a_random_gradient_is_not_annealed() -> None:
    with pytest.raises(ValidationError, match="found annealed with a random gradient"):
        Arm.model_validate({"name": "a", "search": "annealed", "gradient": {"shift": 0.1}})
    assert Arms().n_made(5) == 0


def test_arms_attack_all_sites_or_as_many_as_they_name() -> None:
    assert with_arms().arms.n_attacked(21) == 21
    assert [with_arms(n_sites=2, n_pairs=4).arms.n_attacked(n) for n in (21, 1)] == [2, 1]
