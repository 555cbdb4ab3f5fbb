"""Photographs in an image folder, of every kind that a pool takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from closedloop.stimuli.decoding import check_decodes, load_square
from tools.fuzz.reader import Reader

_SIDE_PX = 64


def make_pictures(folder: Path) -> None:
    """Write small photographs: each format in the modes and compressions that it has."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    smooth = np.tile(np.arange(32, dtype=np.uint8)[None, :, None] * 7, (24, 1, 3))
    colour, grey = Image.fromarray(pixels), Image.fromarray(smooth).convert("L")
    colour.save(folder / "plain.jpg", quality=80)
    colour.save(folder / "progressive.jpeg", progressive=True)
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    grey.save(folder / "grey.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turned by 90 degrees
    colour.save(folder / "turned.jpg", exif=exif)
    colour.save(folder / "plain.png")
    Image.fromarray(smooth).save(folder / "smooth.png", icc_profile=b"profile" * 20)
    grey.save(folder / "grey.png")
    colour.quantize(16).save(folder / "palette.png")
    colour.convert("RGBA").save(folder / "opaque.png")
    grey.convert("1").save(folder / "bits.png")
    colour.save(folder / "plain.bmp")
    colour.quantize(16).save(folder / "palette.bmp")
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        colour.save(folder / f"{compression}.tif", compression=compression)
    grey.convert("1").save(folder / "fax.tif", compression="group4")
    colour.save(folder / "lossy.webp", quality=70)
    colour.save(folder / "lossless.webp", lossless=True)


def read_picture(file: Path) -> None:
    """Decode an image as `init` does when it lists a folder, then as it is shown."""
    check_decodes(file.read_bytes(), file, side_px=_SIDE_PX)
    load_square(file, side_px=_SIDE_PX)


READERS = (Reader("pictures", make_pictures, read_picture, share=4),)
