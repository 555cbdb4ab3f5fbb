"""The page of a whole dry run, served and in a browser: numbers are the report's, pictures the session's bytes."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from closedloop.artifacts.catalog import SENSITIVITY_CSV, SESSION_IMAGES, STIMULI
from closedloop.artifacts.records.amendments import Amendment, append_amendment
from closedloop.artifacts.study import StudyPaths
from closedloop.report.tables import NAMES
from closedloop.service.panels.days import HIDDEN_TRUTH
from tests.equipment.browser import NARROW, browsing
from tests.unit.service.served import served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_MS = 120_000  # of a machine that is busy

PIXELS = """async image => {
    image.loading = "eager";  // else one that nobody scrolled to is never there
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
}"""


@pytest.fixture(scope="module")
def page(smoke_study: Path) -> Iterator[httpx.Client]:
    with served({"one": smoke_study}) as client:
        yield client


def session_of(study: Path) -> tuple[int, NDArray[np.uint8], list[str]]:
    """Return the last session's day, its images, and their hashes by the stimulus table."""
    paths = StudyPaths(study)
    day = max(int(folder.name[4:]) for folder in study.glob("day-*"))
    ids = STIMULI.read(STIMULI.published(paths, day))["stimulus_id"].tolist()
    return day, np.load(SESSION_IMAGES.published(paths, day)), ids


def test_every_picture_that_is_served_is_the_sessions_bytes(page: httpx.Client, smoke_study: Path) -> None:
    day, images, ids = session_of(smoke_study)
    for image, name in zip(images, ids, strict=True):
        answer = page.get(f"/study/one/panel/tomorrow/picture/{day}-{name}.png")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), image)
    assert len(ids) > 20


def test_a_picture_that_a_browser_has_is_not_sent_again(page: httpx.Client, smoke_study: Path) -> None:
    day, _, ids = session_of(smoke_study)
    address = f"/study/one/panel/tomorrow/picture/{day}-{ids[-1]}.png"
    first = page.get(address)
    again = page.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = page.get(f"/study/one/panel/tomorrow/picture/{day}-{ids[0]}.png")
    assert other.headers["etag"] != first.headers["etag"]
    for key in (f"{day + 1}-{ids[0]}", f"{day}-{'0' * 16}", f"{day}-{ids[0]}-x9", "images"):
        assert page.get(f"/study/one/panel/tomorrow/picture/{key}.png").status_code == 404


def test_numbers_that_are_served_are_those_of_the_reports_table(page: httpx.Client, smoke_study: Path) -> None:
    with (StudyPaths(smoke_study).report / SENSITIVITY_CSV.name).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["estimate"].endswith("_units")]
    panel = page.get("/study/one/panel/days.json").json()
    names = {**NAMES, "true": f"sites, {HIDDEN_TRUTH}", "white_box": f"white-box bound, {HIDDEN_TRUTH}"}
    drawn = {
        (line["label"], chart["title"], chart["x"][at]): [line["y"][at], line["low"][at], line["high"][at]]
        for chart in panel["charts"]
        if chart["name"].startswith("sensitivity-")
        for line in chart["lines"]
        for at in range(len(chart["x"]))
        if line["y"][at] is not None
    }
    assert len(rows) == len(drawn) > 10
    for row in rows:
        found = drawn[names[row["estimate"]], f"ε = {float(row['epsilon']):g}", float(row["day"])]
        wanted = [row[name] for name in ("mean", "interval_low", "interval_high")]
        assert ["nan" if one is None else f"{one:.6f}" for one in found] == wanted


def test_a_filtered_fragment_is_served_and_what_means_nothing_is_not_asked_for(page: httpx.Client) -> None:
    whole = page.get("/study/one/panel/tomorrow").text
    some = page.get("/study/one/panel/tomorrow", params={"kind": "clean"}).text
    assert some.count("<li id=") != whole.count("<li id=") or "difference" not in some
    assert page.get("/study/one/panel/tomorrow", params={"x": "y"}).text == whole
    assert page.get("/study/one/panel/history", params={"kind": "stage"}).text.count('class="stage"') > 5


def test_in_a_browser_pictures_are_the_sessions_bytes_and_every_chart_is_drawn(
    smoke_study: Path, tmp_path: Path
) -> None:
    day, images, ids = session_of(smoke_study)
    rows = {name: row for row, name in enumerate(ids)}
    with served({"one": smoke_study}) as client, browsing(tmp_path) as watched:
        shown = watched.open(f"{client.base_url}/study/one", viewport=NARROW)
        expect(shown.locator("#panel-days .plot canvas")).not_to_have_count(0)
        expect(shown.locator("#panel-days .plot:not(:has(canvas))")).to_have_count(0, timeout=PATIENCE_MS)
        sites = shown.locator("#tomorrow-site button")
        for site in (sites.count() - 1, 0):
            shown.locator("#tomorrow-site summary").click()
            sites.nth(site).click()
            expect(sites.nth(site)).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
            expect(shown.locator("#tomorrow-site ul")).to_be_hidden(timeout=PATIENCE_MS)
            pictures = shown.locator("#tomorrow-cards img").all()
            names = [picture.get_attribute("src") or "" for picture in pictures]
            assert len(names) >= 6
            for picture, name in zip(pictures, names, strict=True):
                if name.endswith("-difference.png"):
                    continue
                key = name.rsplit("/", 1)[1].removesuffix(".png").removeprefix(f"{day}-")
                pixels = np.array(picture.evaluate(PIXELS), np.uint8).reshape(*images.shape[1:3], 4)
                assert np.array_equal(pixels[:, :, :3], images[rows[key]])
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_was_asked_for_stays_asked_for_while_the_study_goes_on(smoke_study: Path, tmp_path: Path) -> None:
    study = StudyPaths(shutil.copytree(smoke_study, tmp_path / "study"))
    with served({"one": study.root}) as client, browsing(tmp_path) as watched:
        shown = watched.open(f"{client.base_url}/study/one", scheme="dark")
        entries = shown.locator("#panel-history ol.history > li")
        shown.locator("#history-kind summary").click()
        shown.locator("#history-kind button[data-value=decision]").click()
        expect(entries).to_have_text(["Nothing like that has happened."], timeout=PATIENCE_MS)
        for n, who in enumerate(("Ada", "<b>Kay</b>"), start=1):
            decided = Amendment(
                kind="accept_session",
                simulated=True,
                day=0,
                utc=f"2026-12-01T10:0{n}:00+00:00",
                who=who,
                why=f"why {n}",
            )
            append_amendment(study.amendments, decided)
            expect(entries).to_have_count(n, timeout=PATIENCE_MS)
            expect(entries.first).to_contain_text(who, timeout=PATIENCE_MS)
        shown.locator("#history-kind summary").click()
        shown.locator("#history-kind button[data-value=stage]").click()
        expect(entries.first).to_contain_text("done", timeout=PATIENCE_MS)
        assert entries.count() > 5
