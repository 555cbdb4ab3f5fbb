"""What goes wrong around a session: two windows, a server that is killed, a full browser, another screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment
from closedloop.artifacts.discrimination.journal import answers_bytes, parse_answers, read_answers
from closedloop.service.web.discrimination.app import discrimination_app
from closedloop.service.web.serving import serving
from tests.equipment.browser import WIDE, browsing
from tests.unit.service.served import TOKEN
from tests.unit.service.web.discrimination.test_page import QUICK, Answering, opened, served
from tests.unit.studies.discrimination.experiments import small_experiment

WITHOUT_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined });"
FULL = """
    const set = Storage.prototype.setItem;
    window.isFull = %s;
    Storage.prototype.setItem = function (...given) {
      if (window.isFull) throw new DOMException('full', 'QuotaExceededError');
      set.apply(this, given);
    };
"""
ANOTHER_RATE = """
    const request = window.requestAnimationFrame.bind(window);
    window.every = 1;
    window.requestAnimationFrame = (call) => {
      let left = window.every;
      const next = (time) => { left -= 1; if (left > 0) request(next); else call(time); };
      return request(next);
    };
"""


@pytest.fixture
def experiment(tmp_path: Path) -> OpenExperiment:
    return small_experiment(tmp_path / "e", pairs_a_session=1, catch_every=4, task=QUICK)


def from_folder(page: Page, experiment: OpenExperiment) -> Answering:
    page.goto((experiment.paths.page / "index.html").as_uri())
    begun(page)
    return Answering(page)


def begun(page: Page, session: str | None = "2") -> None:
    page.get_by_label("Your code").fill("S9")
    if session:
        page.get_by_label("Session").fill(session)
    page.get_by_role("button", name="Begin").click()


@pytest.mark.slow
@pytest.mark.parametrize("is_served", [True, False])
def test_a_second_window_of_one_browser_is_refused(experiment: OpenExperiment, tmp_path: Path, is_served: bool) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        browser.open(address).close()  # the record of the network holds what this machine was asked for
        place = address if is_served else (experiment.paths.page / "index.html").as_uri()
        first = browser.open(place)
        begun(first, None if is_served else "2")
        Answering(first).start()
        second = first.context.new_page()
        second.goto(place)
        begun(second, None if is_served else "2")
        expect(second.locator(".fault")).to_contain_text("open in another window of this browser")


@pytest.mark.slow
def test_where_a_browser_has_no_locks_no_window_writes_over_the_others_answers(tmp_path: Path) -> None:
    patient = DiscriminationTask(answer_s=120, pause_ms=0)
    experiment = small_experiment(tmp_path / "e", pairs_a_session=1, catch_every=4, task=patient)
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open(address)
        page.context.add_init_script(WITHOUT_LOCKS)
        first = from_folder(page, experiment)
        first.start()
        first.answer(0, "f")
        other = page.context.new_page()
        second = from_folder(other, experiment)
        second.start()
        second.answer(1, "j")
        lines = [row for row in second.lines() if row["event"] == "trial"]
        page.bring_to_front()
        page.keyboard.press("f")
        expect(page.locator("#held")).to_contain_text("This session goes on in another window.")
        aside = page.evaluate("() => Object.keys(localStorage).filter((key) => key.includes('/conflict/')).length")
    assert [row["answer"] for row in lines[:2]] == ["same", "different"]
    assert aside == 1


@pytest.mark.slow
def test_where_browser_and_server_differ_the_servers_answers_go_on_and_the_others_are_put_aside(
    experiment: OpenExperiment, tmp_path: Path
) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open(address)
        person = Answering(page)
        person.begin("S9")
        person.answer(0, "f")
        page.locator(".question").wait_for()
        path = experiment.paths.journal("S9", 1)
        rows = [
            row.model_copy(update={"answer": "different"}) if row.event == "trial" else row
            for row in read_answers(path).rows
        ]
        path.write_bytes(answers_bytes(rows))
        page.reload()
        expect(page.locator(".fault")).to_contain_text("stay in it, put aside, and do not count")
        person.start()
        person.answer(1, "j")
        aside = page.evaluate(
            "() => JSON.parse(Object.entries(localStorage).find(([key]) => key.includes('/conflict/'))[1])"
        )
    assert [row["answer"] for row in aside if row["event"] == "trial"] == ["same"]
    assert read_answers(path).answers[0].answer == "different"
    assert len(read_answers(path).launches) == 2


@pytest.mark.slow
def test_a_killed_server_is_waited_for_and_loses_nothing(experiment: OpenExperiment, tmp_path: Path) -> None:
    with browsing(tmp_path) as browser:
        with serving(discrimination_app(experiment, token=TOKEN)) as port:
            page = browser.open(f"http://127.0.0.1:{port}/#token={TOKEN}")
            person = Answering(page)
            person.begin("S9")
            person.answer(0, "f")
            page.locator(".question").wait_for()
        page.keyboard.press("j")
        expect(page.locator("#held")).to_contain_text("The program that keeps the answers does not answer.")
        with serving(discrimination_app(experiment, token=TOKEN), port=port):
            for number in range(2, 5):
                person.answer(number, "f")
            expect(page.locator("main")).to_contain_text("Your answers are stored.")
            left = page.evaluate("() => Object.keys(localStorage)")
    assert [row.answer for row in read_answers(experiment.paths.journal("S9", 1)).answers] == [
        "same",
        "different",
        "same",
        "same",
        "same",
    ]
    assert left == []


@pytest.mark.slow
def test_a_browser_that_stores_nothing_says_so_before_the_session(experiment: OpenExperiment, tmp_path: Path) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open("about:blank")
        page.add_init_script(FULL % "true")
        page.goto(address)
        expect(page.locator(".fault")).to_contain_text("This browser does not store the answers")


@pytest.mark.slow
def test_a_browser_that_is_full_in_the_middle_holds_and_goes_on(experiment: OpenExperiment, tmp_path: Path) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open(address)
        page.add_init_script(FULL % "false")
        person = from_folder(page, experiment)
        person.start()
        person.answer(0, "f")
        page.evaluate("() => { window.isFull = true; }")
        page.locator(".question").wait_for()
        page.keyboard.press("j")
        expect(page.locator("#held")).to_contain_text("This browser stores no more answers")
        page.evaluate("() => { window.isFull = false; }")
        for number in range(2, 5):
            person.answer(number, "f")
        with page.expect_download() as saved:
            page.get_by_role("link", name="Save S9-0002.jsonl").click()
        journal = parse_answers(Path(saved.value.path()).read_bytes(), place="saved")
    assert [row.answer for row in journal.answers] == ["same", "different", "same", "same", "same"]


@pytest.mark.slow
def test_another_frame_rate_in_the_middle_holds_the_session(tmp_path: Path) -> None:
    experiment = small_experiment(tmp_path / "e", pairs_a_session=2, catch_every=0, task=QUICK)
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open("about:blank")
        page.add_init_script(ANOTHER_RATE)
        page.goto(address)
        person = Answering(page)
        person.begin("S9")
        person.answer(0, "f")
        page.evaluate("() => { window.every = 2; }")
        for number in range(1, 4):
            person.answer(number, "f")
        if page.locator("#held").count() == 0 and page.locator(".question").count():  # one was under way
            person.answer(4, "f")
        expect(page.locator("#held")).to_contain_text("frames a second, and drew", timeout=15_000)
        page.evaluate("() => { window.every = 1; }")
        person.answer(len(read_answers(experiment.paths.journal("S9", 1)).answers), "f")


@pytest.mark.slow
def test_a_link_without_its_token_is_called_incomplete(experiment: OpenExperiment, tmp_path: Path) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open(address.partition("#")[0])
        expect(page.locator(".fault")).to_contain_text("This link is incomplete.")


@pytest.mark.slow
def test_a_command_of_the_browser_is_no_answer_and_the_next_person_is_asked(
    experiment: OpenExperiment, tmp_path: Path
) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = browser.open(address)
        person = Answering(page)
        person.begin("S9")
        page.locator(".question").wait_for()
        page.keyboard.press("Control+j")
        page.keyboard.press("Alt+j")
        person.answer(0, "f")
        page.reload()
        expect(page.locator("#who")).to_contain_text("Code S9, session 1.")
        page.get_by_role("link", name="Not you?").click()
        expect(page.get_by_label("Your code")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Your code")).to_be_visible()
    assert read_answers(experiment.paths.journal("S9", 1)).answers[0].answer == "same"


@pytest.mark.slow
def test_a_zoomed_page_a_smaller_window_and_a_gap_of_no_whole_frames_are_refused(
    experiment: OpenExperiment, tmp_path: Path
) -> None:
    with served(experiment) as address, browsing(tmp_path) as browser:
        page = opened(browser, 2, WIDE)
        page.add_init_script("Object.defineProperty(window, 'outerWidth', { value: 2 * window.innerWidth });")
        page.goto(address)
        begun(page, None)
        expect(page.locator(".fault")).to_contain_text("The page is zoomed to about 200 %")
        page = browser.open(address)
        faults = page.evaluate(
            "() => [[100, 100], [100, 25], [25, 100]]"
            ".map(([image_ms, gap_ms]) => faultOfRate({ image_ms, gap_ms }, 60))"
        )
        person = Answering(page)
        person.begin("S8")
        person.answer(0, "f")
        page.locator(".question").wait_for()
        page.set_viewport_size({"width": 200, "height": 400})
        page.keyboard.press("f")
        expect(page.locator("#held")).to_contain_text("does not fit into this window of 200 x 400")
        page.set_viewport_size(WIDE)
        person.answer(2, "f")
    assert [fault.partition("would show ")[2].partition(" for")[0] for fault in faults] == [
        "",
        "the grey between",
        "an image",
    ]
