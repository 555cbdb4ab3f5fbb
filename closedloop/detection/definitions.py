"""What counts as a spike: one table of named definitions, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from closedloop.errors import RecordingError


@dataclass(frozen=True)
class Notch:
    """A causal second-order notch."""

    center_hz: float
    width_hz: float


@dataclass(frozen=True)
class BandPass:
    """A band-pass of an even order; a zero-phase one runs forwards and then backwards.

    Examples
    --------
    >>> from closedloop.detection import BandPass
    >>> BandPass("butter", 4, low_hz=300.0, high_hz=6000.0, zero_phase=True).order
    4
    """

    family: Literal["ellip", "butter"]
    order: int
    low_hz: float
    high_hz: float
    zero_phase: bool
    ripple_db: float = 0.0
    attenuation_db: float = 0.0


@dataclass(frozen=True)
class Definition:
    """What counts as a spike: the first sample below `multiple` times the noise.

    Attributes
    ----------
    multiple
        Threshold in units of the noise, which is median |v| / 0.6745 of the filtered voltage.
    threshold_s
        The noise is that of each so many seconds, counted from the start of an uninterrupted segment.
    noise_from
        Which of these windows sets the threshold of one: "own", or "before" (an online threshold; the first window of
        a segment, before which nothing is known, has its own).
    noise_every
        The median is over every so many-th sample, a power of two. (Of 37,500 samples it is right within 0.5 %.)
    refractory_ms
        A crossing sooner after the last one that counted does not count.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from closedloop.detection import definition_by_name
    >>> stricter = replace(definition_by_name("dicarlo"), name="stricter", multiple=-4.5)
    >>> stricter.multiple, stricter.band.high_hz
    (-4.5, 6000.0)
    """

    name: str
    notch: Notch | None
    band: BandPass
    multiple: float
    threshold_s: float
    noise_from: Literal["own", "before"]
    refractory_ms: float
    source: str
    noise_every: int = 1


DEFINITIONS = {
    definition.name: definition
    for definition in (
        Definition(
            name="dicarlo",
            notch=Notch(60.0, 10.0),
            band=BandPass("ellip", 2, 300.0, 6000.0, zero_phase=True, ripple_db=0.1, attenuation_db=40.0),
            multiple=-3.0,
            threshold_s=10.0,
            noise_from="own",
            refractory_ms=0.0,
            source="the spike tools of the laboratory that made the recordings of Guo et al. 2022: "
            "60 Hz notch, ellip(2, 0.1, 40, [300, 6000]) by filtfilt, -3 x median|v|/0.6745 every 10 s",
        ),
        Definition(
            name="zero_phase_butter",
            notch=None,
            band=BandPass("butter", 4, 300.0, 6000.0, zero_phase=True),
            multiple=-4.0,
            threshold_s=10.0,
            noise_from="own",
            refractory_ms=1.0,
            source="threshold of Quian Quiroga, Nadasdy and Ben-Shaul 2004, 4 x median|v|/0.6745; "
            "butter(4, [300, 6000]) by filtfilt; 1 ms refractory",
        ),
        Definition(
            name="causal",
            notch=None,
            band=BandPass("butter", 4, 300.0, 6000.0, zero_phase=False),
            multiple=-4.0,
            threshold_s=10.0,
            noise_from="before",
            refractory_ms=0.0,
            noise_every=8,
            source="what a recorder can do online: butter(4, [300, 6000]) forwards, -4 x median|v|/0.6745 of every 8th "
            "sample of the 10 s before (Quian Quiroga, Nadasdy and Ben-Shaul 2004, of the past alone); no refractory "
            "period",
        ),
    )
}


def definition_by_name(name: str) -> Definition:
    """Return a row of `DEFINITIONS`: "dicarlo", "zero_phase_butter" or "causal".

    Raises
    ------
    RecordingError
        There is none of that name.

    Examples
    --------
    >>> from closedloop.detection import definition_by_name
    >>> definition_by_name("dicarlo").multiple
    -3.0
    """
    if name not in DEFINITIONS:
        raise RecordingError(f"definition {name}: expected one of {', '.join(DEFINITIONS)}. Correct the name.")
    return DEFINITIONS[name]
