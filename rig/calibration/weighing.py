"""The operator weighs what the valve gives: it is opened after his word, batch by batch, and never without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import DeviceError, RigError
from rig.calibration.tables import number_of, read_numbers
from rig.calibration.valve import WeighedBatch
from rig.ports.reward import Reward

REST_S = 0.15
"""Between two openings: the tube comes to rest, and drops fall."""
_ANSWER_S = 2.0
_POLL_S = 0.002


@dataclass(frozen=True)
class LiquidScale:
    """How weights become volumes.

    Attributes
    ----------
    g_per_ml
        Of the liquid: 1 of water, about 1.04 of juice.
    """

    g_per_ml: float = 1.0

    def ml(self, typed: str) -> float | None:
        """Return the volume of what somebody typed: grams, or with ``ml`` behind it millilitres; None if neither."""
        text = typed.strip().lower()
        if text.endswith("ml"):
            return number_of(text.removesuffix("ml"))
        grams = number_of(text.removesuffix("g"))
        return grams / self.g_per_ml if grams is not None else None


@dataclass(frozen=True)
class Weigher:
    """The person at the scale.

    Attributes
    ----------
    may
        Puts a question; the valve is opened where the answer is yes.
    weight
        Asks for a weight, and returns what was typed.
    say
        Tells a line.
    """

    may: Callable[[str], bool]
    weight: Callable[[str], str]
    say: Callable[[str], None]


def weigh_all(
    reward: Reward,
    durations_ms: Sequence[float],
    *,
    n_openings: int,
    leak_s: float,
    scale: LiquidScale,
    weigher: Weigher,
    sleep: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> Iterator[WeighedBatch]:
    """Give each length up and down again, and yield what was weighed as it is; a no of the person ends it.

    Parameters
    ----------
    reward
        The valve.
    durations_ms
        Lengths of an opening; each is given twice, so that a drift of the bottle shows.
    n_openings
        Of a batch.
    leak_s
        How long the closed valve is watched first, seconds; 0 not at all.
    scale
        Makes volumes of weights.
    weigher
        Who is asked.
    sleep, now_s
        Pass time, and tell it.

    Raises
    ------
    DeviceError
        The valve did not confirm an opening.
    """
    if leak_s > 0:
        if not weigher.may(f"The valve stays closed for {leak_s:g} s. Is a tared cup under the spout?"):
            return
        sleep(leak_s)
        ml = _typed(weigher, scale, f"Weight that came of the closed valve in {leak_s:g} s (g, or with ml behind it)")
        yield WeighedBatch(0.0, 0, ml, leak_s)
    for duration_ms in (*durations_ms, *reversed(durations_ms)):
        question = (
            f"The valve opens {n_openings} times for {duration_ms:g} ms now. Is a tared cup under the spout, and the "
            "animal away from it?"
        )
        if not weigher.may(question):
            return
        began_s = now_s()
        mean_ms = give_batch(reward, duration_ms, n_openings, sleep=sleep, now_s=now_s)
        seconds = now_s() - began_s
        ml = _typed(weigher, scale, f"Weight of {n_openings} x {duration_ms:g} ms (g, or with ml behind it)")
        yield WeighedBatch(mean_ms, n_openings, ml, seconds)


def _typed(weigher: Weigher, scale: LiquidScale, question: str) -> float:
    while True:
        typed = weigher.weight(question)
        ml = scale.ml(typed)
        if ml is not None and ml >= 0:
            return ml
        weigher.say(
            f"expected a weight such as 4.31 or 4.3 ml, not below 0, found {typed.strip()!r:.40}. Type it again."
        )


def give_batch(
    reward: Reward,
    duration_ms: float,
    n_openings: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> float:
    """Open the valve so many times, one after the other, and return how long it was open by its word, ms on average.

    Parameters
    ----------
    reward
        The valve.
    duration_ms, n_openings
        What is given.
    sleep, now_s
        Pass time, and tell it.

    Raises
    ------
    DeviceError
        It did not confirm an opening: how much the cup holds is not known then.
    """
    given_ms: list[float] = []
    for number in range(1, n_openings + 1):
        reward.give(duration_ms)
        until_s = now_s() + duration_ms / 1000.0 + _ANSWER_S
        while len(given_ms) < number:
            given_ms += reward.acknowledged()
            if len(given_ms) >= number:
                break
            if now_s() > until_s:
                raise DeviceError(
                    f"valve: expected it to confirm opening {number} of {n_openings}, found no answer. Look at it, "
                    "empty the cup, and begin again."
                )
            sleep(_POLL_S)
        sleep(REST_S)
    return sum(given_ms) / n_openings


def read_weighed(path: Path, scale: LiquidScale) -> list[WeighedBatch]:
    """Read batches that were weighed elsewhere.

    The columns are ``duration_ms``, ``openings``, and ``g`` or ``ml``; ``seconds`` may follow. A row with 0 openings is
    a time in which the valve stayed closed.

    Parameters
    ----------
    path
        A CSV file.
    scale
        Makes volumes of weights.

    Raises
    ------
    RigError
        It is no such file, or a number in it cannot be.
    """
    batches = []
    for number, row in enumerate(
        read_numbers(path, ("duration_ms", "openings"), optional=("g", "ml", "seconds")), start=1
    ):
        place = f"{path}, row {number}"
        if len({"duration_ms", "openings"} & row.keys()) < 2 or len({"g", "ml"} & row.keys()) != 1:
            raise RigError(
                f"{place}: expected duration_ms, openings and one of g and ml, found {_named(row)}. Fill it."
            )
        ml = row["ml"] if "ml" in row else row["g"] / scale.g_per_ml
        batch = WeighedBatch(row["duration_ms"], int(row["openings"]), ml, row.get("seconds", 0.0))
        is_closed = not batch.n_openings
        if row["openings"] != batch.n_openings or batch.n_openings < 0 or ml < 0 or batch.seconds < 0:
            raise RigError(f"{place}: expected whole openings and nothing below 0, found {_named(row)}. Correct it.")
        if (not is_closed and batch.duration_ms <= 0) or (is_closed and batch.seconds <= 0):
            raise RigError(
                f"{place}: expected a length of its openings, or seconds of a closed valve, found {_named(row)}. "
                "Correct it."
            )
        batches.append(batch)
    return batches


def _named(row: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in row.items()) or "nothing"
