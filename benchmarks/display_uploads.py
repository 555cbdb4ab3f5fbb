"""What an image costs on its way to the screen: the rig's ring of textures beside plain PsychoPy loops.

For 224 x 224 x 3 images from a memory-mapped file: milliseconds until an image is in its texture, and how anonymous
memory grows over all of them. Three ways: the rig's (bytes into a texture of the ring; a second line waits until the
driver has them), one ImageStim whose image is set again, a new ImageStim for each image (fewer of them). Then what it
costs to ask at every frame whether the animal can see the window. Needs an X server:
`xvfb-run -a python -m benchmarks display_uploads`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE_PX, N_DISTINCT, N_SLOTS = 224, 500, 6
Show = Callable[[int, NDArray[np.uint8]], None]


def rss_anon_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


def measure(name: str, show: Show, images: NDArray[np.uint8], *, n: int) -> None:
    for k in range(min(n, N_DISTINCT)):  # pages of the file, and what a library keeps once and for all
        show(k, images[k % N_DISTINCT])
    before_mb, took_ms = rss_anon_mb(), np.empty(n)
    for k in range(n):
        began_s = time.perf_counter()
        show(k, images[k % N_DISTINCT])
        took_ms[k] = 1e3 * (time.perf_counter() - began_s)
    grown_mb = rss_anon_mb() - before_mb
    p99 = np.percentile(took_ms, 99)
    print(f"| {name} | {n:,} | {np.median(took_ms):.3f} | {p99:.3f} | {grown_mb:+.1f} | {1e3 * grown_mb / n:+.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=21_000, help="images, as in a session of the paper")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from PIL import Image

    from rig.display.psychopy.window import finish_drawing, import_psychopy, open_window

    visual, _ = import_psychopy()
    from closedloop.artifacts.day.session import ScreenSettings
    from rig.display.desktop import open_desktop
    from rig.display.psychopy.drawing import TextureRing
    from rig.display.psychopy.guard import WindowGuard
    from rig.display.screens import Rectangle

    screen = ScreenSettings(
        refresh_hz=60.0,
        width_px=320,
        height_px=240,
        cm_per_px=0.03,
        image_scale=1,
        visual_angle_deg=8.0,
        grey_level=127,
        full_screen=False,
    )
    window = open_window(visual, screen)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        shape = (N_DISTINCT, SIDE_PX, SIDE_PX, 3)
        np.save(path, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
        images = np.load(path, mmap_mode="r")
        ring = TextureRing(N_SLOTS, SIDE_PX)
        one = visual.ImageStim(window, image=Image.fromarray(images[0]), units="pix", autoLog=False)
        print("| way | images | median ms | p99 ms | RssAnon (MB) | kB an image |\n|---|---|---|---|---|---|")
        measure("ring of textures", lambda k, image: ring.upload(k % N_SLOTS, image), images, n=options.n)

        def upload_and_wait(k: int, image: NDArray[np.uint8]) -> None:
            ring.upload(k % N_SLOTS, image)
            finish_drawing()

        measure("ring of textures, waited for", upload_and_wait, images, n=options.n)
        measure("one ImageStim, image set", lambda _, image: one.setImage(Image.fromarray(image)), images, n=options.n)

        def show_new(_: int, image: NDArray[np.uint8]) -> None:
            visual.ImageStim(window, image=Image.fromarray(image), units="pix", autoLog=False)

        measure("new ImageStim each", show_new, images, n=min(options.n, 1_000))
    desktop = open_desktop()
    if desktop is None:
        return
    guard = WindowGuard(window, desktop, Rectangle(0, 0, 320, 240), look_at_pixels=lambda: ())
    for name, ask in (("at every frame", guard.poll), ("between trials", guard.look)):
        took_ms = []
        for _ in range(1_000):
            window.flip()
            began_s = time.perf_counter()
            ask()
            took_ms.append(1e3 * (time.perf_counter() - began_s))
        print(
            f"looking after the window {name}: median {np.median(took_ms):.3f} ms, p99 {np.percentile(took_ms, 99):.3f}"
        )


if __name__ == "__main__":
    main()
