"""Checks of what was measured of the screen's light: how old it is, and whether it is as images are made for."""

from __future__ import annotations

from closedloop.artifacts.rig.calibrations import ScreenGamma
from rig.check.findings import Finding, warn
from rig.check.inspection import Inspection
from rig.check.machine import judge_calibration

_OLD_DAYS = 365
_MOST_JITTER_MS = 2.0  # a display that waits for its frame has a few tenths; one late frame in fifty makes 2.3
_MADE_FOR, _ODD_GAMMA = 2.2, 0.2
_POOR_FIT = 0.03


def luminance(at: Inspection) -> str | Finding | None:
    """Ask when the screen's luminance was measured."""
    if at.document is None:
        return None
    found = at.document.calibrations
    judged = judge_calibration(found.luminance, at.today, most_days=_OLD_DAYS, key="luminance")
    if isinstance(judged, Finding) or found.gamma is None:
        return judged
    doubts = judge_gamma(found.gamma)
    if doubts:
        return doubts[0]
    screen = found.gamma
    return f"{judged}; gamma {screen.gamma:.2f}, {screen.darkest_cd_m2:.2g} to {screen.brightest_cd_m2:.3g} cd/m2"


def photodiode_calibration(at: Inspection) -> str | Finding | None:
    """Ask when latency and jitter of light were measured."""
    if at.document is None or at.document.photodiode is None:
        return None
    found = at.document.calibrations
    judged = judge_calibration(found.photodiode, at.today, most_days=_OLD_DAYS, key="photodiode")
    light = found.light
    if isinstance(judged, Finding) or light is None:
        return judged
    said = f"{judged}; light {light.latency_ms:.1f} ms after a flip, SD {light.jitter_ms:.2f} ms"
    if light.jitter_ms > _MOST_JITTER_MS:
        return warn(f"{said}: more than {_MOST_JITTER_MS:g} ms", "Rehearse, mend what delays frames, measure it again.")
    return said


def judge_gamma(fitted: ScreenGamma) -> list[Finding]:
    """Return in what a screen is not as images are made for; empty where it is."""
    found = []
    if fitted.worst_error > _POOR_FIT:
        found.append(
            warn(
                f"a grey level is {100 * fitted.worst_error:.0f} % of the brightest off the power law",
                "Turn the screen's contrast enhancement, dimming and picture modes off, and measure again.",
            )
        )
    if abs(fitted.gamma - _MADE_FOR) > _ODD_GAMMA:
        found.append(
            warn(
                f"gamma {fitted.gamma:.2f}, where images are made for {_MADE_FOR:g}",
                "Set it in the screen's own menu (sRGB), and measure again.",
            )
        )
    return found
