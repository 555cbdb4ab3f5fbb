"""Rounds: a day cut into sessions, and what of the day's images each of them shows.

Fresh clean images, the attacks on them and probes from them are dealt out over the rounds. Normalizers are in each, for
by them a session's responses are put on the others' scale. Anchors, what is made from them, controls and what is shown
for category preference are in the last one alone: what is measured of a day is measured by its best model, with an
image and its changed twin in one session. Day 0 has no rounds, because sites are chosen in it.
"""

from __future__ import annotations

from closedloop.artifacts.protocol.image_sensitivity import ImageSensitivity
from closedloop.artifacts.protocol.plane import ImagePlanes
from closedloop.artifacts.protocol.protocol import Protocol


def rounds_of_day(rounds: int, day: int) -> int:
    """Return how many sessions a day is cut into; day 0 into one.

    Parameters
    ----------
    rounds
        Of the protocol.
    day
        Which, from 0.

    Examples
    --------
    >>> rounds_of_day(3, 0), rounds_of_day(3, 1)
    (1, 3)
    """
    return rounds if day > 0 else 1


def share_of_round(n: int, rounds: int, number: int) -> int:
    """Return how many of a day's things one round has: as many in each, and one more in the first where some are left.

    Parameters
    ----------
    n
        Of the day.
    rounds
        Of the day.
    number
        Which round, from 1.

    Examples
    --------
    >>> [share_of_round(11, 3, number) for number in (1, 2, 3)]
    [4, 4, 3]
    """
    return n // rounds + (number <= n % rounds)


def clean_of_session(protocol: Protocol, *, day: int, number: int) -> int:
    """Return how many fresh clean images a session of a day shows.

    Parameters
    ----------
    protocol
        Of the day: its section images, and its rounds.
    day, number
        Which session, from 1; one that people added to a day of rounds shows as many as its last round.
    """
    rounds = rounds_of_day(protocol.rounds, day)
    return share_of_round(protocol.images.clean_per_day, rounds, min(number, rounds))


def singles_of_session(protocol: Protocol, *, day: int, number: int) -> int:
    """Return how many fresh clean images a session of a day shows once.

    Parameters
    ----------
    protocol
        Of the day: its section probes, and its rounds.
    day, number
        Which session, from 1.
    """
    rounds = rounds_of_day(protocol.rounds, day)
    return share_of_round(protocol.probes.singles_of(day), rounds, min(number, rounds))


def repeated_of_session(protocol: Protocol, *, day: int, number: int) -> int:
    """Return how many fresh images, attacked for a few sites, a session shows many times: those of a day's last round.

    Parameters
    ----------
    protocol
        Of the day: its section image_sensitivity, and its rounds.
    day, number
        Which session, from 1.
    """
    return protocol.image_sensitivity.images_of(day) if measures(protocol.rounds, day=day, number=number) else 0


def planes_of_session(protocol: Protocol, *, day: int, number: int) -> int:
    """Return how many planes of images a session shows, a fresh clean image each: those of a day's last round.

    Parameters
    ----------
    protocol
        Of the day: its section plane, and its rounds.
    day, number
        Which session, from 1.
    """
    return protocol.plane.planes_of(day) if measures(protocol.rounds, day=day, number=number) else 0


def measures(rounds: int, *, day: int, number: int) -> bool:
    """Return whether anchors, the attacks on them and controls are in a session: in a day's last round, and after it.

    Parameters
    ----------
    rounds
        Of the protocol.
    day, number
        Which session, from 1.

    Examples
    --------
    >>> measures(3, day=1, number=2), measures(3, day=1, number=3), measures(3, day=1, number=4)
    (False, True, True)
    """
    return number >= rounds_of_day(rounds, day)


def protocol_of_session(protocol: Protocol, *, day: int, number: int, is_measured: bool | None = None) -> Protocol:
    """Return a protocol with the numbers of images of one session of a day in the place of the day's.

    A session that people added to a day of rounds shows as much as its last round. What is returned is of a day of that
    one session.

    Parameters
    ----------
    protocol
        Of the day: its sections images, attack, controls, probes, preference, plane, objectives, arms, evolution and
        image_sensitivity, and its rounds.
    day, number
        Which session, from 1.
    is_measured
        Whether anchors, the attacks on them and controls are in it; None: as the protocol has it (`measures`).

    Examples
    --------
    >>> from closedloop.artifacts.protocol.protocol import read_protocol
    >>> from closedloop.artifacts.protocol.shipped import shipped_protocols
    >>> whole = read_protocol(shipped_protocols()["dry_run"]).model_copy(update={"rounds": 2})
    >>> first = protocol_of_session(whole, day=1, number=1)
    >>> first.images.clean_per_day, first.images.anchors, first.attack.fresh_images_per_site
    (150, 0, 2)
    """
    rounds = rounds_of_day(protocol.rounds, day)
    if rounds == 1:
        return protocol
    images, attack, controls, probes = protocol.images, protocol.attack, protocol.controls, protocol.probes
    population = protocol.population

    def share(n: int) -> int:
        return share_of_round(n, rounds, min(number, rounds))

    is_measured = measures(rounds, day=day, number=number) if is_measured is None else is_measured
    return protocol.model_copy(
        update={
            "rounds": 1,
            "images": images.model_copy(
                update={
                    "clean_per_day": clean_of_session(protocol, day=day, number=number),
                    "anchors": images.anchors if is_measured else 0,
                }
            ),
            "attack": attack.model_copy(
                update={
                    "fresh_images_per_site": share(attack.fresh_images_per_site),
                    "anchors_per_site": attack.anchors_per_site if is_measured else 0,
                }
            ),
            "probes": probes.model_copy(
                update={
                    "singles": share(probes.singles),
                    "singles_on_day_0": None,
                    "per_day": share(probes.per_day),
                    "held_out": probes.held_out if is_measured else 0,
                }
            ),
            "controls": controls.model_copy(update={"n_images": controls.n_images if is_measured else 0}),
            "population": population.model_copy(update={"n_images": population.n_images if is_measured else 0}),
            "image_sensitivity": protocol.image_sensitivity if is_measured else ImageSensitivity(),
            "plane": protocol.plane if is_measured else ImagePlanes(),
            "objectives": protocol.objectives if is_measured else (),
            "evolution": protocol.evolution if is_measured else protocol.evolution.model_copy(update={"compared": 0}),
            "arms": protocol.arms if is_measured else protocol.arms.model_copy(update={"arms": ()}),
            "preference": protocol.preference.model_copy(
                update={"images_per_site": protocol.preference.images_per_site if is_measured else 0}
            ),
        }
    )
