"""What the page calls each kind of change and each space, and how it is drawn."""

from __future__ import annotations

from typing import NamedTuple

from closedloop.report import drawing


class KindLook(NamedTuple):
    """A kind of change in words, colour and marker."""

    name: str
    colour: str
    marker: str


KINDS: dict[str, KindLook] = {
    "clean": KindLook("clean", drawing.INK, "o"),
    "attacked": KindLook("attacks on single sites", drawing.SITE, "o"),
    "population": KindLook("attacks on the decoder", drawing.PREFERRED, "^"),
    "population_noise": KindLook("noise of their norm", drawing.CROSS, "s"),
    "gaussian": KindLook("Gaussian noise", drawing.GAUSSIAN, "s"),
    "linear": KindLook("interpolation", drawing.LINEAR, "D"),
    "sham": KindLook("sham, nothing changed", drawing.SOFT, "x"),
    "decoder_plain": KindLook("on the decoder, the model's own gradient", drawing.YESTERDAY, "v"),
    "decoder_shared": KindLook("on the decoder, the gradient that a cortex shares", drawing.OTHER_SITE, "^"),
    "decoder_white_box": KindLook("on the decoder, the cortex's own gradient", drawing.WHITE_BOX, "*"),
    "clean_same": KindLook("another image of the category", drawing.SOFT, "x"),
    "clean_other": KindLook("an image of another category", drawing.INK, "+"),
}

SPACES: dict[str, str] = {
    "row_space": "whole row space",
    "main_axes": "main axes (90 % of the weight)",
    "margin": "the image's own margin",
}
