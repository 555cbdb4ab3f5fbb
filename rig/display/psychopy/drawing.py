"""Whole pixels into the back buffer: textures, squares and the dot, by what OpenGL has always had.

PsychoPy's own stimuli go through colour spaces, units and shaders; here a byte of an image is a level on the screen.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyglet import gl, text

from rig.display.placement import Square

_WHITE, _BLACK = 255, 0


class TextureRing:
    """The textures that a trial's images are uploaded into, made once and used again for every trial.

    An upload copies the bytes as they are (``glTexSubImage2D``, median below 0.1 ms for 224 x 224): no object is made
    for an image and none stays behind.

    Parameters
    ----------
    n_slots
        Images of a trial.
    side_px
        Side of an image, image pixels.
    """

    def __init__(self, n_slots: int, side_px: int) -> None:
        self._side_px = side_px
        names = (gl.GLuint * n_slots)()
        gl.glGenTextures(n_slots, names)
        self._names = list(names)
        for name in self._names:
            gl.glBindTexture(gl.GL_TEXTURE_2D, name)
            for setting, value in (
                (gl.GL_TEXTURE_MIN_FILTER, gl.GL_NEAREST),
                (gl.GL_TEXTURE_MAG_FILTER, gl.GL_NEAREST),
                (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE),
                (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
            ):
                gl.glTexParameteri(gl.GL_TEXTURE_2D, setting, value)
            gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, gl.GL_RGB8, side_px, side_px, 0, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, None)
        gl.glBindTexture(gl.GL_TEXTURE_2D, 0)

    def upload(self, slot: int, pixels: NDArray[np.uint8]) -> None:
        """Put an image into a slot: uint8, row x column x RGB, rows one after the other in memory."""
        expected = (self._side_px, self._side_px, 3)
        if pixels.dtype != np.uint8 or pixels.shape != expected or not pixels.flags.c_contiguous:
            raise ValueError(f"expected uint8 of shape {expected} in a row, found {pixels.dtype} of {pixels.shape}")
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._names[slot])
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
        gl.glTexSubImage2D(
            gl.GL_TEXTURE_2D,
            0,
            0,
            0,
            self._side_px,
            self._side_px,
            gl.GL_RGB,
            gl.GL_UNSIGNED_BYTE,
            pixels.ctypes,
        )
        gl.glBindTexture(gl.GL_TEXTURE_2D, 0)

    def draw(self, slot: int, square: Square) -> None:
        """Draw a slot's image over a square of whole pixels, its first row on top."""
        left, bottom = square.left_px, square.bottom_px
        right, top = left + square.side_px, bottom + square.side_px
        gl.glEnable(gl.GL_TEXTURE_2D)
        gl.glTexEnvi(gl.GL_TEXTURE_ENV, gl.GL_TEXTURE_ENV_MODE, gl.GL_REPLACE)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._names[slot])
        gl.glBegin(gl.GL_QUADS)
        for u, v, x, y in ((0, 1, left, bottom), (1, 1, right, bottom), (1, 0, right, top), (0, 0, left, top)):
            gl.glTexCoord2f(u, v)
            gl.glVertex2i(x, y)
        gl.glEnd()
        gl.glBindTexture(gl.GL_TEXTURE_2D, 0)
        gl.glDisable(gl.GL_TEXTURE_2D)


def begin_frame(width_px: int, height_px: int, *, grey_level: int) -> None:
    """Fill the back buffer with grey and take whole pixels as units, whatever was drawn before.

    Parameters
    ----------
    width_px, height_px
        Size of the window.
    grey_level
        Of the background, 0 to 255.
    """
    gl.glUseProgram(0)
    gl.glActiveTexture(gl.GL_TEXTURE1)
    gl.glDisable(gl.GL_TEXTURE_2D)
    gl.glActiveTexture(gl.GL_TEXTURE0)
    for state in (
        *(gl.GL_TEXTURE_2D, gl.GL_BLEND, gl.GL_DEPTH_TEST, gl.GL_STENCIL_TEST, gl.GL_SCISSOR_TEST, gl.GL_ALPHA_TEST),
        *(gl.GL_LIGHTING, gl.GL_CULL_FACE, gl.GL_DITHER, gl.GL_MULTISAMPLE, gl.GL_FRAMEBUFFER_SRGB, gl.GL_FOG),
    ):
        gl.glDisable(state)
    gl.glColorMask(1, 1, 1, 1)
    gl.glViewport(0, 0, width_px, height_px)
    gl.glMatrixMode(gl.GL_PROJECTION)
    gl.glLoadIdentity()
    gl.glOrtho(0, width_px, 0, height_px, -1, 1)
    gl.glMatrixMode(gl.GL_MODELVIEW)
    gl.glLoadIdentity()
    gl.glClearColor(*[grey_level / 255] * 3, 1)
    gl.glClear(gl.GL_COLOR_BUFFER_BIT)


def fill_square(square: Square, *, is_white: bool) -> None:
    """Fill a square of whole pixels, white or black."""
    gl.glColor3ub(*[_WHITE if is_white else _BLACK] * 3)
    gl.glRecti(square.left_px, square.bottom_px, square.left_px + square.side_px, square.bottom_px + square.side_px)


def draw_dot(square: Square, inside: NDArray[np.bool_]) -> None:
    """Draw the fixation dot in white.

    Parameters
    ----------
    square
        Around it.
    inside
        Which pixels of the square belong to it, a disc: each row is one stretch.
    """
    gl.glColor3ub(_WHITE, _WHITE, _WHITE)
    for row, pixels in enumerate(inside):
        (columns,) = np.nonzero(pixels)
        if len(columns):
            left, bottom = square.left_px + int(columns[0]), square.bottom_px + row
            gl.glRecti(left, bottom, left + len(columns), bottom + 1)


def draw_text(words: str, width_px: int, height_px: int) -> None:
    """Draw lines of black text around the middle of the window.

    Parameters
    ----------
    words
        Lines set apart by line ends.
    width_px, height_px
        Size of the window.
    """
    _label(words, width_px, height_px).draw()
    gl.glDisable(gl.GL_BLEND)
    gl.glDisable(gl.GL_TEXTURE_2D)


@lru_cache(maxsize=4)
def _label(words: str, width_px: int, height_px: int) -> Any:
    """Return a laid-out text: to lay it out takes longer than a frame."""
    return text.Label(
        words,
        font_size=max(10, height_px // 40),
        color=(_BLACK, _BLACK, _BLACK, 255),
        x=width_px // 2,
        y=height_px // 2,
        width=round(0.9 * width_px),
        anchor_x="center",
        anchor_y="center",
        align="center",
        multiline=True,
    )
