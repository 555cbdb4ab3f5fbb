"""The page in a real browser, through whole sessions: pixels, frames, keys, time-outs, a reload in the middle."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment
from closedloop.artifacts.discrimination.journal import check_belongs, parse_answers, read_answers
from closedloop.service.web.discrimination.app import discrimination_app
from closedloop.service.web.serving import serving
from closedloop.storage import sha256_file
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles
from tests.equipment.browser import NARROW, WIDE, Watched, browsing
from tests.unit.service.served import TOKEN
from tests.unit.studies.discrimination.experiments import SIDE_PX, small_experiment

VENDOR = Path(__file__).parents[5] / "closedloop/studies/discrimination/preparation/browser/vendor"
QUICK = DiscriminationTask(answer_s=1.5, pause_ms=0.0)
SEEN_PIXELS = """
    const put = CanvasRenderingContext2D.prototype.putImageData;
    window.seen = [];
    CanvasRenderingContext2D.prototype.putImageData = function (...given) {
      put.apply(this, given);
      const { isConnected, width, height } = this.canvas;
      if (isConnected) window.seen.push([...this.getImageData(0, 0, width, height).data]);
    };
"""
STEPPED_FRAMES = """
    window.frames_ = [];
    window.requestAnimationFrame = (call) => window.frames_.push(call);
    window.step = (time) => { const due = window.frames_; window.frames_ = []; due.forEach((call) => call(time)); };
"""


@dataclass
class Answering:
    """Somebody at the page."""

    page: Page

    def begin(self, code: str = "S07") -> None:
        self.page.get_by_label("Your code").fill(code)
        self.page.get_by_role("button", name="Begin").click()
        self.start()

    def start(self) -> None:
        self.page.locator(".keys").wait_for()
        self.page.get_by_role("button", name=re.compile("Start|Go on")).click()

    def lines(self) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = self.page.evaluate(
            "() => JSON.parse(localStorage.getItem(Object.keys(localStorage).find((key) => !key.endsWith('begun'))))"
        )
        return kept

    def answer(self, n_before: int, key: str | None) -> None:
        self.page.locator(".question").wait_for()
        if key:
            self.page.keyboard.press(key)
        counted = "(n) => Object.entries(localStorage).some(([, rows]) => rows.split('\"trial\",').length - 1 > n)"
        counted += " || document.querySelector('h1')?.textContent.startsWith('That was all')"
        self.page.wait_for_function(counted, arg=n_before)


@contextlib.contextmanager
def served(experiment: OpenExperiment) -> Iterator[str]:
    with serving(discrimination_app(experiment, token=TOKEN)) as port:
        yield f"http://127.0.0.1:{port}/#token={TOKEN}"


def test_vendored_files_have_the_hashes_that_were_written_down_when_they_came() -> None:
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| .*\((\S+)\) \| ([0-9a-f]{64}) \|$", (VENDOR / "README.md").read_text(), re.M
    )
    assert {name for name, *_ in rows} == {path.name for path in VENDOR.iterdir() if path.suffix == ".js"}
    for name, _package, licence, sha256 in rows:
        assert sha256_file(VENDOR / name) == sha256
        assert len((VENDOR / licence).read_text()) > 500


@pytest.mark.slow
def test_a_whole_session_with_keys_a_time_out_catch_trials_and_a_reload_in_the_middle(tmp_path: Path) -> None:
    experiment = small_experiment(tmp_path / "e", pairs_a_session=2, catch_every=4, task=QUICK)
    trials, images = experiment.session(1), experiment.images()
    keys = ["f", "j", None, "j", "f", "j", "f", "j", "f", "j"]
    seen: list[list[int]] = []
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open("about:blank")
        page.add_init_script(SEEN_PIXELS)
        page.goto(address)
        person = Answering(page)
        person.begin()
        for number, key in enumerate(keys):
            person.answer(number, key)
            if number == 5:
                seen += page.evaluate("() => window.seen")[: 2 * 6]
                page.reload()
                person.start()
        expect(page.locator("h1")).to_have_text("That was all. Thank you!")
        expect(page.locator("main")).to_contain_text("Your answers are stored.")
        seen += page.evaluate("() => window.seen")
    journal = read_answers(experiment.paths.journal("S07", 1))
    check_belongs(journal.rows, experiment, place="journal")
    assert journal.is_finished
    assert [launch.launch for launch in journal.launches] == [1, 2]
    assert [row.trial for row in journal.answers] == list(range(10))
    said = {"f": "same", "j": "different", None: None}
    assert [row.answer for row in journal.answers] == [said[key] for key in keys]
    assert [row.reaction_ms is None for row in journal.answers] == [key is None for key in keys]
    assert {row.n_frames for row in journal.answers} == {(6, 6, 6)}
    assert {len(row.frame_ms) for row in journal.answers} == {19}
    assert all((np.diff(row.frame_ms) > 0).all() for row in journal.answers)
    assert (trials["kind"] == "catch").sum() == 2
    of_trials = [
        images[index] for pair in zip(trials["first_index"], trials["second_index"], strict=True) for index in pair
    ]
    shown = np.array(seen, dtype=np.uint8).reshape(-1, SIDE_PX, SIDE_PX, 4)
    assert len(shown) >= 20  # a trial that the reload cut is begun again
    np.testing.assert_array_equal(np.concatenate([shown[:12], shown[-8:]])[..., :3], np.stack(of_trials))


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "viewport"), [(1, WIDE), (2, NARROW)])
def test_each_pixel_is_a_whole_square_on_the_screen_for_six_frames(
    tmp_path: Path, ratio: int, viewport: dict[str, int]
) -> None:
    experiment = small_experiment(tmp_path / "e", pairs_a_session=2, task=QUICK)
    first, second = (int(experiment.session(1)[f"{name}_index"][0]) for name in ("first", "second"))
    images = experiment.images()
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = opened(browser, ratio, viewport)
        page.add_init_script(STEPPED_FRAMES)
        page.goto(address)
        time_ms = iter(range(0, 10_000_000, 1))

        def step(n: int) -> None:
            for _ in range(n):
                page.wait_for_function("() => window.frames_.length > 0", polling=5)
                page.evaluate("(time) => window.step(time)", 1000 * next(time_ms) / 60)

        page.get_by_label("Your code").fill("S1")
        page.get_by_role("button", name="Begin").click()
        page.wait_for_function("() => document.querySelector('main').textContent.includes('measured')", polling=20)
        step(61)
        Answering(page).start()
        scale = round(8 * 96 / 2.54 / SIDE_PX) * ratio
        for index in (first, None, second):
            grey = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
            expected = (grey if index is None else images[index]).repeat(scale, axis=0).repeat(scale, axis=1)
            for _ in range(2):
                step(3)  # the first and the last three of six frames
                np.testing.assert_array_equal(middle(page, expected.shape[0]), expected)
        step(1)
        page.locator(".question").wait_for()


def opened(browser: Watched, ratio: float, viewport: dict[str, int]) -> Page:
    context = browser.browser.new_context(viewport=viewport, device_scale_factor=ratio)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("pageerror", lambda error: browser.faults.append(str(error)))
    return page


def middle(page: Page, side_px: int) -> np.ndarray[Any, Any]:
    """Return the pixels of the screen where the image is."""
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(page.screenshot())) as picture:
        screen = np.asarray(picture.convert("RGB"))
    left, top, ratio = page.evaluate(
        "() => { const at = document.querySelector('canvas').getBoundingClientRect();"
        " return [at.left, at.top, window.devicePixelRatio]; }"
    )
    row, column = round(top * ratio), round(left * ratio)
    return screen[row : row + side_px, column : column + side_px]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ratio", "viewport", "words"),
    [
        (1.25, WIDE, "This browser draws 1.25 screen pixels for one of the page and would blur the images."),
        (
            1,
            {"width": 240, "height": 400},
            "An image takes 304 x 304 pixels and does not fit into this window of 240 x 400",
        ),
        (4, WIDE, "would be drawn with 76 screen pixels each, more than 64."),
    ],
)
def test_a_screen_that_would_blur_or_cut_the_images_is_refused_in_a_line(
    tmp_path: Path, ratio: float, viewport: dict[str, int], words: str
) -> None:
    experiment = small_experiment(tmp_path / "e", task=QUICK)
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = opened(browser, ratio, viewport)
        page.goto(address)
        page.get_by_label("Your code").fill("S1")
        page.get_by_label("Your code").press("Enter")
        expect(page.locator(".fault")).to_contain_text(words, timeout=30_000)
    assert not list(experiment.paths.journals.glob("*.jsonl"))


@pytest.mark.slow
def test_a_browser_that_alters_what_is_read_back_is_refused(tmp_path: Path) -> None:
    experiment = small_experiment(tmp_path / "e", task=QUICK)
    noise = """
        const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...given) {
          const found = read.apply(this, given);
          found.data[5] ^= 1;
          return found;
        };
    """
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open("about:blank")
        page.add_init_script(noise)
        page.goto(address)
        page.get_by_label("Your code").fill("S1")
        page.get_by_role("button", name="Begin").click()
        expect(page.locator(".fault")).to_contain_text("gives back other pixels than were drawn", timeout=30_000)


@pytest.mark.slow
def test_from_the_folder_the_journal_is_kept_and_saved_as_a_file(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text("You may stop <b>at any time</b>.")
    experiment = small_experiment(
        tmp_path / "e", pairs_a_session=1, catch_every=4, task=QUICK, brought=LaboratoryFiles(consent=consent)
    )
    with served(experiment) as address, browsing(tmp_path) as browser:
        browser.open(address).close()  # the record of the network holds what this machine was asked for
        page = browser.open((experiment.paths.page / "index.html").as_uri())
        page.get_by_label("Your code").fill("S9")
        page.get_by_label("Session").fill("2")
        expect(page.locator(".consent")).to_have_text("You may stop <b>at any time</b>.")
        page.get_by_role("button", name="I have read this and take part").click()
        person = Answering(page)
        person.start()
        for number in range(5):
            person.answer(number, "f")
        with page.expect_download() as saved:
            page.get_by_role("link", name="Save S9-0002.jsonl").click()
        content = Path(saved.value.path()).read_bytes()
    journal = parse_answers(content, place="saved")
    check_belongs(journal.rows, experiment, place="saved")
    assert journal.is_finished
    assert journal.launches[0].consented
    assert [json.loads(line)["line"] for line in content.splitlines()] == list(range(len(journal.rows)))


@pytest.mark.slow
def test_a_name_is_no_code(tmp_path: Path) -> None:
    with served(small_experiment(tmp_path / "e")) as address, browsing(tmp_path) as browser:
        page = browser.open(address)
        page.get_by_label("Your code").fill("Ada Lovelace")
        page.get_by_role("button", name="Begin").click()
        expect(page.locator(".fault")).to_contain_text("such as S07")
