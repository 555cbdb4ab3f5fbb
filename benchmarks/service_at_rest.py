"""What `closedloop serve` costs while nothing happens: several real studies that wait for their sessions, a page open.

Run: ``python -m benchmarks service_at_rest --studies 1 --seconds 120``. Memory is that of the service and of every
process that it started, its loops and those that read files, resident (RSS) and proportional (PSS: what two of them
share is counted once); processor time is counted over the seconds after all of them have come to rest.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil
from PIL import Image

from benchmarks.process_memory import Memory, memory_of, memory_of_tree, tree
from closedloop.stimuli.procedural import ProceduralPool

PROTOCOL = Path(__file__).parents[1] / "protocols" / "smoke.yaml"
WAITS = re.compile(r": waiting: day 0")
SETTLE_S = 30.0  # until processes that were needed for a moment have ended
ADDRESS = re.compile(r"Open (http://\S+)/#token")


def make_study(folder: Path) -> Path:
    """Make a real study whose day 0 waits for its session."""
    pool = ProceduralPool(seed=7, n_categories=6, n_per_category=24)
    for image in pool.images():
        place = folder / "photographs" / image.category / f"{image.image_id}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pool.load(image.image_id)).save(place)
    words = ["init", str(folder / "study0"), "--protocol", str(PROTOCOL), "--subject", "nobody"]
    command = [sys.executable, "-m", "closedloop", *words, "--images", str(folder / "photographs")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "study0"


def listen(address: str, over: threading.Event) -> None:
    """Be a page that is open."""
    with httpx.stream("GET", address, timeout=None) as answer:
        for _ in answer.iter_raw():
            if over.is_set():
                return


def used_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--pages", type=int, default=1, help="pages open at the first study")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = make_study(folder)
        studies = [first, *(Path(shutil.copytree(first, folder / f"study{n}")) for n in range(1, chosen.studies))]
        environment = os.environ | {"XDG_STATE_HOME": str(folder / "state")}
        command = [sys.executable, "-m", "closedloop", "serve", *map(str, studies)]
        with (folder / "said").open("w") as said:
            service = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            measure(service, folder, studies, chosen.seconds, n_pages=chosen.pages)
        finally:
            service.terminate()
            service.wait()


def measure(
    service: subprocess.Popen[bytes], folder: Path, studies: list[Path], seconds: float, *, n_pages: int
) -> None:
    while len(WAITS.findall((folder / "said").read_text())) < len(studies):
        if service.poll() is not None:
            sys.exit((folder / "said").read_text())
        time.sleep(0.5)
    (address,) = ADDRESS.findall((folder / "said").read_text())
    over = threading.Event()
    for _ in range(n_pages):
        events = f"{address}/study/{studies[0].name}/events"
        threading.Thread(target=listen, args=(events, over), daemon=True).start()
        httpx.get(f"{address}/study/{studies[0].name}", timeout=60)
    time.sleep(SETTLE_S)
    own, *loops = tree(service.pid)
    before, before_loops, began = used_s([own]), used_s(loops), time.monotonic()
    time.sleep(seconds)
    over_s = time.monotonic() - began
    over.set()
    service_mb, all_mb = memory_of(service.pid), memory_of_tree(service.pid)
    loops_mb = sum((memory_of(one.pid) for one in loops), Memory())
    figures = {
        "studies": len(studies),
        "pages": n_pages,
        "processes": len(tree(service.pid)),
        "all_rss_mb": round(all_mb.rss_mb, 1),
        "all_pss_mb": round(all_mb.pss_mb, 1),
        "service_rss_mb": round(service_mb.rss_mb, 1),
        "service_pss_mb": round(service_mb.pss_mb, 1),
        "service_cpu_percent": round(100 * (used_s([own]) - before) / over_s, 2),
        "loops_rss_mb_each": round(loops_mb.rss_mb / len(studies), 1),
        "loops_pss_mb_each": round(loops_mb.pss_mb / len(studies), 1),
        "loops_cpu_percent": round(100 * (used_s(loops) - before_loops) / over_s, 2),
        "seconds": round(over_s, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
