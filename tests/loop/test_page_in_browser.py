"""The live page in a real browser: what it refuses, and what it keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument
from closedloop.study.amending.sessions import add_block
from closedloop.study.ledger import open_ledger
from closedloop.study.loop import read_identity
from tests.equipment.browser import NARROW, WIDE, browsing, text_of
from tests.unit.service.panels.test_gates import animal, begin_session, report
from tests.unit.service.served import TOKEN, Notebook, served
from tests.unit.study.labs import lab

pytestmark = pytest.mark.slow

PROGRAM = "<script>document.title = 'mine'</script><img src=x onerror=\"document.title = 'mine'\">"
STRANGE = "a <b>study & 'one'?#"
SECONDS = 60.0


def address_of(client: httpx.Client) -> str:
    """Return the address of the study `one`."""
    return str(client.base_url.join("/study/one"))


def test_what_looks_like_a_program_is_text(tmp_path: Path) -> None:
    paths = lab(tmp_path / "study").paths
    StudyDocument.read(paths.study).model_copy(update={"subject": PROGRAM}).write(paths.study)
    with open_ledger(paths.ledger) as ledger:
        ledger.fail(0, "plan", "hash", f"{PROGRAM}: it is missing.")
    with served({STRANGE: paths.root}) as client, browsing(tmp_path) as browser:
        page = browser.open(str(client.base_url))
        expect(page.locator("#rows")).to_contain_text(PROGRAM)
        page.get_by_role("link", name=STRANGE).click()
        expect(page.locator("#panel-stages")).to_contain_text(f"{PROGRAM}: it is missing.")
        expect(page.locator("#link")).to_contain_text("live")
        assert page.title().startswith(STRANGE)
        assert page.locator("main script").count() == 0
        assert page.locator("main img").count() == 0
        assert page.evaluate("() => document.querySelectorAll('script:not([src])').length") == 0


def test_a_site_that_points_its_name_here_is_shown_nothing(tmp_path: Path) -> None:
    """A site's name is made to lead to 127.0.0.1 once its page is loaded: the browser then takes us for that site."""
    paths = lab(tmp_path / "study").paths
    with served({"one": paths.root}) as client, browsing(tmp_path, elsewhere="evil.example") as browser:
        page = browser.open(str(client.base_url))
        answer = page.goto(f"http://evil.example:{client.base_url.port}/study/one")
        assert answer is not None
        assert answer.status == 400
        assert page.inner_text("body").startswith("Host: expected localhost")
        browser.faults.clear()  # the refusal itself


ATTACK = """<!doctype html><title>waiting</title><script>
const framed = new Promise((resolve) => document.addEventListener('load', (event) => {{
  if (event.target.localName === 'iframe') resolve(); // until then it holds an empty page of the attacker's own
}}, true));
</script><form method=post action={page}/study/one/hold></form>
<iframe src={page}/study/one></iframe><img src={page}/static/icon.svg>
<script>
(async () => {{
  const tried = [];
  const attempt = async (name, ask) => {{
    try {{ tried.push([name, await ask()]); }} catch (error) {{ tried.push([name, 'refused']); }}
  }};
  const body = JSON.stringify({{ by: 'Eve', reason: 'mine' }});
  const headers = {{ 'Content-Type': 'application/json', 'X-Closedloop-Token': '{token}' }};
  await attempt('read', async () => (await fetch('{page}/study/one')).text());
  await attempt('post', async () => (await fetch('{page}/study/one/hold', {{ method: 'POST', headers, body }})).status);
  const blind = {{ method: 'POST', mode: 'no-cors', body }};
  await attempt('blind', async () => (await fetch('{page}/study/one/hold', blind)).type);
  await attempt('listen', () => new Promise((resolve, reject) => {{
    const source = new EventSource('{page}/study/one/events');
    source.onmessage = resolve; source.onerror = () => {{ source.close(); reject(); }};
  }}));
  await framed;
  await attempt('frame', async () => document.querySelector('iframe').contentDocument.body.textContent);
  const image = document.querySelector('img');
  await attempt('image', async () => {{ await image.decode(); return image.naturalWidth; }});
  document.title = JSON.stringify(tried);
}})();
</script>"""


@contextmanager
def attacker(page: str) -> Iterator[int]:
    """Serve a page of somebody else's that tries whatever a browser lets it; yield its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = ATTACK.format(page=page, token=TOKEN).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_of_somebody_else_reads_nothing_and_changes_nothing_not_even_with_the_token(tmp_path: Path) -> None:
    paths, notebook = lab(tmp_path / "study").paths, Notebook()
    with (
        served({"one": paths.root}, control=notebook) as client,
        attacker(str(client.base_url).rstrip("/")) as port,
        browsing(tmp_path, elsewhere="evil.example") as browser,
    ):
        page = browser.open(f"http://evil.example:{port}/")
        page.wait_for_function("() => document.title !== 'waiting'")
        tried = dict(page.evaluate("() => JSON.parse(document.title)"))
        assert set(tried) == {"read", "post", "blind", "listen", "frame", "image"}
        assert {name: tried[name] for name in ("read", "post", "listen", "frame", "image")} == dict.fromkeys(
            ("read", "post", "listen", "frame", "image"), "refused"
        )
        page.evaluate("() => document.querySelector('form').submit()")
        page.wait_for_load_state()
        assert "expected" in page.inner_text("body")  # the refusal, in words
        browser.faults.clear()
    assert notebook.asked == []


def test_a_page_whose_server_ends_and_starts_again_goes_on(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    with browsing(tmp_path) as browser:
        with served({"one": paths.root}) as client:
            port = client.base_url.port or 0
            page = browser.open(address_of(client))
            expect(page.locator("#link")).to_contain_text("live")
        expect(page.locator("#link")).to_contain_text("no connection", timeout=SECONDS * 1000)
        report(paths, 0, "preflight", twins="HOLD")
        with served({"one": paths.root}, port=port):
            expect(page.locator("#finding-0-preflight-twins")).to_be_visible(timeout=SECONDS * 1000)
            expect(page.locator("#link")).to_contain_text("live")


def test_what_a_person_writes_and_opens_stays_when_the_page_changes(tmp_path: Path) -> None:
    paths, notebook = animal(tmp_path), Notebook()
    report(paths, 0, "preflight", twins="HOLD", disk="PASS")
    with served({"one": paths.root}, control=notebook) as client, browsing(tmp_path) as browser:
        page = browser.open(f"{address_of(client)}#token={TOKEN}")
        assert TOKEN not in page.url
        page.locator("#passing-0-preflight summary").click()
        page.locator("#finding-0-preflight-twins").get_by_role("button", name="Approve").click()
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Reason").fill("seen on")
        report(paths, 0, "intake", lost="WARN")
        expect(page.locator("#finding-0-intake-lost")).to_be_attached()
        expect(page.locator("#passing-0-preflight")).to_have_attribute("open", "")
        page.get_by_label("Reason").press_sequentially(" the scope")
        page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(page.locator("#said")).to_have_text("done: approve")
    ((_, _, session, gate, found, by, reason),) = notebook.asked
    assert (session, gate, found, by, reason) == (Block(0), "twins", "4 sites", "Ada", "seen on the scope")


def test_the_button_of_a_second_session_approves_that_session_s_finding(tmp_path: Path) -> None:
    paths, notebook = animal(tmp_path), Notebook()
    begin_session(paths, 0)
    add_block(paths, *read_identity(paths), day=0, by="Ada", why="it works on")
    report(paths.at(Block(0, 2)), 0, "preflight", twins="HOLD")
    with served({"one": paths.root}, control=notebook) as client, browsing(tmp_path) as browser:
        page = browser.open(f"{address_of(client)}#token={TOKEN}")
        page.locator('[id="finding-0.2-preflight-twins"]').get_by_role("button", name="Approve").click()
        expect(page.get_by_role("dialog")).to_contain_text("Day 0, session 2, twins: 4 sites")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Reason").fill("seen")
        page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(page.locator("#said")).to_have_text("done: approve")
    ((_, _, session, *rest),) = notebook.asked
    assert (session, rest) == (Block(0, 2), ["twins", "4 sites", "Ada", "seen"])


HIDE = """(hidden) => {
  window.drawnUnseen ??= 0;
  if (hidden) new MutationObserver((found) => { if (document.hidden) window.drawnUnseen += found.length; })
    .observe(document.getElementById('gates'), { subtree: true, childList: true, characterData: true });
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_page_that_nobody_sees_draws_nothing_and_shows_what_is_then_when_it_is_seen(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    with served({"one": paths.root}) as client, browsing(tmp_path) as browser:
        page = browser.open(address_of(client))
        other = browser.open(address_of(client))
        page.evaluate(HIDE, True)
        for level in ("WARN", "HOLD"):
            report(paths, 0, "preflight", twins=level)
            expect(other.locator("#finding-0-preflight-twins")).to_contain_text(level)
        page.evaluate(HIDE, False)
        expect(page.locator("#finding-0-preflight-twins")).to_contain_text("HOLD")
        assert page.evaluate("() => window.drawnUnseen") == 0
        assert text_of(page) == text_of(other)


def test_what_is_refused_is_said_where_it_was_asked(tmp_path: Path) -> None:
    paths, notebook = animal(tmp_path), Notebook(refuses="one: expected a day to hold, found none. Wait for one.")
    with served({"one": paths.root}, control=notebook) as client, browsing(tmp_path) as browser:
        page = browser.open(f"{address_of(client)}#token={TOKEN}")
        page.get_by_role("button", name="Hold this study").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Hold this study").click()
        expect(dialog).to_contain_text("hold: your name: expected words, found none. Fill it in.")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Reason").fill("fever")
        dialog.get_by_role("button", name="Hold this study").click()
        expect(dialog).to_contain_text("expected a day to hold, found none. Wait for one.")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)
        page.evaluate("() => sessionStorage.setItem('closedloop-token', 'another')")
        page.reload()
        page.get_by_role("button", name="Hold this study").click()
        page.get_by_label("Reason").fill("fever")
        dialog.get_by_role("button", name="Hold this study").click()
        expect(dialog).to_contain_text("X-Closedloop-Token: expected the token")
        browser.faults.clear()  # the browser's own lines about refusals
    assert notebook.asked == []


def test_who_has_no_token_sees_no_button(tmp_path: Path) -> None:
    paths = animal(tmp_path)
    report(paths, 0, "preflight", twins="HOLD")
    with served({"one": paths.root}, control=Notebook()) as client, browsing(tmp_path) as browser:
        page = browser.open(address_of(client))
        expect(page.locator("#finding-0-preflight-twins")).to_be_visible()
        assert page.locator("button[data-action]:visible").count() == 0
        expect(page.locator(".reading")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "420"])
def test_nothing_is_wider_than_the_screen_and_text_stands_out(
    tmp_path: Path, undisturbed: Path, scheme: str, viewport: dict[str, int]
) -> None:
    with served({"one": undisturbed}) as client, browsing(tmp_path) as browser:
        for address in (address_of(client), str(client.base_url)):
            page = browser.open(address, viewport=viewport, scheme=scheme)
            page.wait_for_function(DRAWN)
            page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert page.evaluate("() => document.documentElement.scrollWidth") <= viewport["width"]
            assert page.evaluate(DIM) == []


DRAWN = "() => [...document.querySelectorAll('.plot')].every((one) => one.querySelector('canvas'))"
DIM = """() => {
  // Text against what lies behind it, by WCAG 2.2: 4.5 to 1 at least.
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== 'none') return null; // stripes: ink on yellow, in both schemes
      const colour = parts(style.backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('[disabled]')) continue;
    const ground = behind(element);
    if (!ground) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground)].sort((x, y) => y - x);
    const text = walker.currentNode.textContent.trim().slice(0, 30);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.add(`${element.tagName}.${element.className}: ${text}`);
  }
  return [...found];
}"""
