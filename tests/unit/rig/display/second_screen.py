"""What is expected on the second of two screens."""

from __future__ import annotations

import numpy as np

from rig.display.screens import Rectangle

SIDE, SCALE, PATCH, DOT, GREY = 112, 2, 24, 4, 127
IMAGE = Rectangle(800 + (800 - SIDE * SCALE) // 2, (600 - SIDE * SCALE) // 2, SIDE * SCALE, SIDE * SCALE)
LOWER_LEFT = Rectangle(800, 600 - PATCH, PATCH, PATCH)
OVER_IT, BESIDE_IT = Rectangle(1100, 200, 200, 100), Rectangle(100, 200, 200, 100)
CORNERS_OF_THE_DOT = ((0, 0), (0, 3), (3, 0), (3, 3))
N_IMAGES, N_PRESENTATIONS = 60, 300


def planned_pixels(image):
    """Return an image as it has to be on the screen: enlarged, the dot in its middle."""
    pixels = np.kron(image, np.ones((SCALE, SCALE, 1), dtype=np.uint8))
    first = (SIDE * SCALE - DOT) // 2
    for row in range(DOT):
        for column in range(DOT):
            if (row, column) not in CORNERS_OF_THE_DOT:
                pixels[first + row, first + column] = 255
    return pixels


def words(display):
    """Return what the display says once it has had time to look anew."""
    return display.call("health", flips=40)
