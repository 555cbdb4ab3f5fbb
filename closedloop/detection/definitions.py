"""What counts as a spike: one table of named definitions, each with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

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


NOTCH_WIDTH_HZ = 10.0  # the DiCarlo laboratory's, around 60 Hz
NotchChoice: TypeAlias = Literal["defined", 50, 60, "none"]
"""The hum that is taken out: as a definition says, of a European or an American mains, or none."""

DEFINITIONS = {
    definition.name: definition
    for definition in (
        Definition(
            name="dicarlo",
            notch=Notch(60.0, NOTCH_WIDTH_HZ),
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


def with_settings(
    definition: Definition,
    *,
    multiple: float | None = None,
    band_hz: tuple[float, float] | None = None,
    notch: NotchChoice = "defined",
) -> Definition:
    """Change single numbers of a definition; its name says which.

    Parameters
    ----------
    definition
        What is changed.
    multiple
        Threshold in units of the noise, below 0; None leaves it.
    band_hz
        Edges of the band-pass; None leaves them.
    notch
        The hum that is taken out.

    Raises
    ------
    RecordingError
        The threshold is not below 0, or the band is none.

    Examples
    --------
    >>> from closedloop.detection.definitions import definition_by_name, with_settings
    >>> with_settings(definition_by_name("dicarlo"), multiple=-4.5, notch=50).name
    'dicarlo, threshold -4.5, notch 50 Hz'
    """
    if multiple is not None and not -math.inf < multiple < 0:
        raise RecordingError(
            f"threshold {multiple:g}: expected a multiple of the noise below 0, as -4.5: spikes go down. Correct it."
        )
    if band_hz is not None and not 0 < band_hz[0] < band_hz[1] < math.inf:
        raise RecordingError(f"band {band_hz[0]:g} {band_hz[1]:g}: expected a low and a higher edge in Hz. Correct it.")
    changed, said = definition, [definition.name]
    if multiple is not None and multiple != definition.multiple:
        changed, said = replace(changed, multiple=multiple), [*said, f"threshold {multiple:g}"]
    if band_hz is not None and band_hz != (definition.band.low_hz, definition.band.high_hz):
        low, high = band_hz
        changed = replace(changed, band=replace(definition.band, low_hz=low, high_hz=high))
        said.append(f"band {low:g}-{high:g} Hz")
    if notch != "defined":
        chosen = None if notch == "none" else Notch(float(notch), NOTCH_WIDTH_HZ)
        if chosen != definition.notch:
            changed = replace(changed, notch=chosen)
            said.append("no notch" if chosen is None else f"notch {chosen.center_hz:g} Hz")
    return replace(changed, name=", ".join(said))
