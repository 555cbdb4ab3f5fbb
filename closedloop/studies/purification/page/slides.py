"""The slides' table, quoted, and what of it cannot be as it stands; nothing here is adjusted to."""

from __future__ import annotations

from dataclasses import dataclass

from closedloop.studies.purification.settings import DefenseName

SOURCE = "slides (Ballarin 2022)"
PLACE = "slides, “Experimental evaluation”"


@dataclass(frozen=True)
class SlideCell:
    """A number of the slides' table.

    Attributes
    ----------
    row
        Its row, in the slides' words.
    attack, radius
        Which of our attacks it stands beside; clean: none.
    percent
        By defence, as printed.
    doubt
        By defence: why it cannot be what it is said to be; empty where nothing speaks against it.
    """

    row: str
    attack: str
    radius: float
    percent: dict[DefenseName, str]
    doubt: dict[DefenseName, str]


_FGSM = (
    "labelled L2, but an L2 change of .5 leaves about 90 % right: it is the sign step of the largest change of a "
    "value, in [0, 1]"
)
_RISES = (
    "rises with ε (1.60, 6.85, 20.66), which no converged attack does: the attack failed. 40 steps leave 0 % "
    "from .15 on"
)
_WEAKER = "higher than under DeepFool at the same ε, a weaker attack once it is cut to the ball: PGD had not converged"
UNAWARE = "the attacker does not know of the recalls; the slides name adaptive attacks as future work"


def _row(row: str, attack: str, radius: float, percent: tuple[str, str, str], *doubt: str) -> SlideCell:
    names: tuple[DefenseName, ...] = ("none", "adversarial", "carso")
    return SlideCell(
        row,
        attack,
        radius,
        dict(zip(names, percent, strict=True)),
        dict(zip(names, doubt or ("", "", ""), strict=True)),
    )


SLIDES = (
    _row("None", "clean", 0.0, ("98.40", "97.17", "96.72")),
    _row("FGSM ‖·‖₂, ε = 0.15", "fgsm", 0.15, ("12.09", "91.89", "93.62"), _FGSM, _FGSM, f"{_FGSM}; {UNAWARE}"),
    _row("FGSM ‖·‖₂, ε = 0.30", "fgsm", 0.30, ("01.21", "76.94", "86.43"), _FGSM, _FGSM, f"{_FGSM}; {UNAWARE}"),
    _row("(U) FGSM ‖·‖₂, ε = 0.50", "fgsm", 0.50, ("01.00", "12.29", "13.59"), _FGSM, _FGSM, f"{_FGSM}; {UNAWARE}"),
    _row("PGD ‖·‖∞, ε = 0.15", "pgd", 0.15, ("01.60", "90.54", "93.44"), _RISES, _WEAKER, UNAWARE),
    _row("PGD ‖·‖∞, ε = 0.30", "pgd", 0.30, ("06.85", "71.26", "86.27"), _RISES, _WEAKER, UNAWARE),
    _row(
        "(U) PGD ‖·‖∞, ε = 0.50",
        "pgd",
        0.50,
        ("20.66", "11.67", "38.38"),
        _RISES,
        _WEAKER,
        f"higher than under FGSM (13.59), which takes one step of the same size: PGD had not converged; {UNAWARE}",
    ),
    _row("(U) DF ‖·‖∞, ε = 0.15", "deepfool", 0.15, ("00.66", "90.25", "95.06"), "", "", UNAWARE),
    _row("(U) DF ‖·‖∞, ε = 0.30", "deepfool", 0.30, ("00.00", "60.54", "93.31"), "", "", UNAWARE),
    _row("(U) DF ‖·‖∞, ε = 0.50", "deepfool", 0.50, ("00.00", "00.78", "71.34"), "", "", UNAWARE),
)
