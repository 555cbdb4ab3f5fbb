"""What the page refuses, and what stands on every answer."""

from __future__ import annotations

import asyncio
import gc
import queue
import re
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import httpx
import psutil
import pytest

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument
from closedloop.errors import ExecutionError
from closedloop.service.web.app import create_app
from closedloop.service.web.security import CONTENT_POLICY, HEADERS, is_local
from closedloop.service.web.serving import HeardOut, serving
from tests.unit.execution.stranger import listening
from tests.unit.messages import refused
from tests.unit.service.served import TOKEN, WITH_TOKEN, Notebook, served
from tests.unit.study.labs import lab

SECRET = "a word of a file that is nobody's business"
WHO = {"by": "Ada", "reason": "seen on the scope"}


@pytest.fixture(scope="module")
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, notebook: Notebook) -> Iterator[httpx.Client]:
    root = tmp_path_factory.mktemp("studies")
    lab(root / "one")
    (root / "secret.txt").write_text(SECRET)
    with served({"one": root / "one"}, control=notebook) as client:
        yield client


@pytest.fixture(autouse=True)
def blank(notebook: Notebook) -> None:
    notebook.asked.clear()


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "evil@localhost"),
        *("127.0.0.2", "[::2]", "::1", "0.0.0.0", "localhost:x", f"localhost:{80}:{80}", "", " ", ":80"),
        *("[::1", "xlocalhost", "127.0.0.1, evil.example", "localhost:٣"),
    ],
)
def test_a_name_that_is_not_this_machines_is_none_of_ours(host: str) -> None:
    assert not is_local(host)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:", "LOCALHOST:8080", "127.0.0.1", f"127.0.0.1:{1}", "[::1]", f"[::1]:{65535}"]
)
def test_this_machine_is_known_by_its_own_names_at_any_port(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::2]:80"])
@pytest.mark.parametrize(
    "path", ["/", "/study/one", "/study/one/events", "/static/page.js", "/study/one/panel/stages.json"]
)
def test_a_site_that_points_its_name_here_is_shown_nothing(client: httpx.Client, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert answer.text.startswith("Host: expected localhost")
    assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY


@pytest.mark.parametrize("action", ["approve", "hold", "release", "retry"])
def test_who_has_no_token_changes_nothing(client: httpx.Client, notebook: Notebook, action: str) -> None:
    for headers in (
        {},
        {"X-Closedloop-Token": ""},
        {"X-Closedloop-Token": TOKEN[:-1]},
        {"X-Closedloop-Token": TOKEN + " x"},
    ):
        answer = client.post(f"/study/one/{action}", json=WHO | {"gate": "g", "day": 0}, headers=headers)
        assert answer.status_code == 403
        assert answer.text.startswith("X-Closedloop-Token: expected the token")
    assert notebook.asked == []


def test_a_token_in_an_address_or_a_body_is_none(client: httpx.Client, notebook: Notebook) -> None:
    answer = client.post(f"/study/one/hold?token={TOKEN}&X-Closedloop-Token={TOKEN}", json=WHO | {"token": TOKEN})
    assert answer.status_code == 403
    assert notebook.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"Origin": origin}
            for origin in ("http://evil.example", "null", "https://127.0.0.1", f"http://127.0.0.1:{1}")
        ),
        *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")),
    ],
)
def test_another_page_changes_nothing_even_with_the_token(
    client: httpx.Client, notebook: Notebook, headers: dict[str, str]
) -> None:
    assert client.post("/study/one/hold", json=WHO, headers=WITH_TOKEN | headers).status_code == 403
    assert notebook.asked == []


def test_the_page_itself_does_what_it_is_told(client: httpx.Client, notebook: Notebook) -> None:
    of_page = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    sent = WHO | {"gate": "reliability", "day": 2, "found": "2  of 9"}
    answer = client.post("/study/one/approve", json=sent, headers=WITH_TOKEN | of_page)
    assert (answer.status_code, answer.json()) == (200, {"said": "done: approve"})
    ((action, root, *rest),) = notebook.asked
    assert (action, Path(str(root)).name, rest) == (
        "approve",
        "one",
        [Block(2), "reliability", "2  of 9", "Ada", "seen on the scope"],
    )
    client.post("/study/one/approve", json=sent | {"block": 2}, headers=WITH_TOKEN | of_page)
    assert notebook.asked.pop()[2] == Block(2, 2)
    for action in ("hold", "release", "retry"):
        assert client.post(f"/study/one/{action}", json=WHO, headers=WITH_TOKEN).json() == {"said": f"done: {action}"}
    assert [(one[0], *one[2:]) for one in notebook.asked[1:]] == [
        (action, "Ada", "seen on the scope") for action in ("hold", "release", "retry")
    ]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "expected"),
        (b"[]", "expected names with values"),
        (b'{"by": "Ada"}', "reason: expected words"),
        (b'{"by": " ", "reason": "r"}', "your name: expected words"),
        (b'{"by": 3, "reason": "r"}', "your name: expected words"),
        (b'{"by": "%s", "reason": "r"}' % (b"a" * 101), "100 characters at most"),
        (b'{"by": "Ada", "by": "Eve", "reason": "r"}', "expected"),
        (b'{"by": "Ada", "reason": "%s"}' % (b"a" * 20_000), "16384 bytes at most"),
        (b'{"by": "Ada", "reason": "\\u0000"}', "expected"),
    ],
)
def test_a_decision_that_is_none_is_answered_in_words(
    client: httpx.Client, notebook: Notebook, sent: bytes, said: str
) -> None:
    answer = client.post("/study/one/hold", content=sent, headers=WITH_TOKEN | {"Content-Type": "application/json"})
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("hold: ")
    assert said in answer.json()["error"]
    assert notebook.asked == []


@pytest.mark.parametrize("day", [None, -1, True, "0", 1.0, 10_000])
def test_an_approval_names_a_day(client: httpx.Client, notebook: Notebook, day: object) -> None:
    answer = client.post("/study/one/approve", json=WHO | {"gate": "g", "day": day}, headers=WITH_TOKEN)
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("approve: day: expected a day's number")
    assert notebook.asked == []


@pytest.mark.parametrize("block", [None, 0, True, "2", 2.0, 10_000])
def test_an_approval_names_a_session_that_can_be_one(client: httpx.Client, notebook: Notebook, block: object) -> None:
    sent = WHO | {"gate": "g", "day": 0, "block": block, "found": "2 of 9"}
    answer = client.post("/study/one/approve", json=sent, headers=WITH_TOKEN)
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("approve: block: expected a session's number")
    assert notebook.asked == []


@pytest.mark.parametrize("found", [None, "", 3, ["2 of 9"]])
def test_an_approval_says_what_was_read(client: httpx.Client, notebook: Notebook, found: object) -> None:
    sent = WHO | {"gate": "g", "day": 0, "found": found}
    answer = client.post("/study/one/approve", json=sent, headers=WITH_TOKEN)
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("approve: found: expected what the gate found")
    assert notebook.asked == []


def test_a_form_of_another_kind_is_no_decision(client: httpx.Client, notebook: Notebook) -> None:
    answer = client.post("/study/one/hold", data=WHO, headers=WITH_TOKEN)
    assert answer.status_code == 409
    assert notebook.asked == []


def test_what_the_control_refuses_is_said(client: httpx.Client, notebook: Notebook) -> None:
    notebook.refuses = "day-02: expected a gate that holds, found none. Look again."
    try:
        answer = client.post("/study/one/hold", json=WHO, headers=WITH_TOKEN)
    finally:
        notebook.refuses = ""
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "day-02: expected a gate that holds, found none. Look again."},
    )


def test_another_study_in_its_place_is_neither_shown_nor_decided_on(tmp_path: Path) -> None:
    paths, notebook = lab(tmp_path).paths, Notebook()
    with served({"one": paths.root}, control=notebook) as client:
        own = StudyDocument.read(paths.study)
        assert own.subject in client.get("/study/one").text
        own.model_copy(update={"study_id": "another", "subject": "Zoe"}).write(paths.study)
        for page in ("/study/one", "/", "/rows"):
            shown = client.get(page).text
            assert "found another one in its place" in shown
            assert "Zoe" not in shown
        answer = client.post("/study/one/hold", json={"by": "Ada", "reason": "ill"}, headers=WITH_TOKEN)
        assert answer.status_code == 409
        assert "found another one in its place (another)" in answer.json()["error"]
        own.write(paths.study)
        assert own.subject in client.get("/study/one").text
    assert notebook.asked == []


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_page_that_breaks_off_is_told(tmp_path: Path) -> None:
    """What the broken loop held open is collected here, where nobody minds, and not in a test that comes later."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    app = create_app({"one": lab(tmp_path).paths}, token="", control=None)
    loops: list[asyncio.AbstractEventLoop] = []

    @app.get("/loop")
    async def tell() -> str:
        loops.append(asyncio.get_running_loop())
        return "here"

    with serving(app, broke_off=told.put) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/loop", trust_env=False).status_code == 200
        loops[0].call_soon_threadsafe(loops[0].stop)
        assert "RuntimeError: Event loop stopped" in told.get(timeout=60)
    with serving(create_app({}, token="", control=None), broke_off=told.put):
        pass  # asked to end it tells nothing
    assert told.empty()
    loops.clear()
    gc.collect()


def test_a_page_without_a_control_only_shows(tmp_path: Path) -> None:
    lab(tmp_path / "one")
    with served({"one": tmp_path / "one"}) as client:
        assert "data-read-only" in client.get("/study/one").text
        assert client.post("/study/one/hold", json=WHO, headers=WITH_TOKEN).status_code == 409


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_no_other_method_is_taken(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/study/one", headers=WITH_TOKEN)
    assert answer.status_code in ({400, 405} if method == "CONNECT" else {405})


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/..%2f..%2fsecret.txt", "/static//etc/passwd"),
        *("/static/%2fetc%2fpasswd", "/static/page.css%00", "/static/vendor/README.md", "/static/"),
        *("/study/..", "/study/%2e%2e%2fsecret.txt", "/study/one/../../secret.txt", "/study/two", "/study/"),
        *("/study/one/panel/..%2f..%2fsecret.txt", "/study/one/panel/none", "/study/one/panel/none.json"),
        *("/study/one/panel/stages/picture/a.png", "/study/one/panel/gates/picture/..%2f..%2fsecret.txt.png"),
        *("/docs", "/openapi.json", "/redoc", "/metrics"),
    ],
)
def test_no_path_reaches_a_file(client: httpx.Client, path: str) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as raw:  # as it is, not tidied
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        got = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.split()[1] == b"404"
    assert SECRET.encode() not in got
    assert b"root:" not in got
    assert len(body) < 200


def test_every_answer_is_fenced_in(client: httpx.Client) -> None:
    for path in (
        "/",
        "/rows",
        "/study/one",
        "/study/none",
        "/static/page.js",
        "/study/one/panel/gates",
        "/favicon.ico",
    ):
        headers = client.get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert "server" not in headers
    assert "unsafe" not in CONTENT_POLICY
    assert "*" not in CONTENT_POLICY
    assert client.get("/study/one").headers["Cache-Control"] == "no-store"


class Inline(HTMLParser):
    """Finds what the policy would refuse, and addresses that lead elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self.found += [tag] if tag in {"style", "iframe", "object", "embed", "base"} else []
        self.found += ["script without src"] if tag == "script" and not given.get("src") else []
        for name in ("src", "href", "action"):
            if (address := given.get(name)) and not address.startswith(("/", "#")):
                self.found.append(f"{tag} {name}={address}")


def test_no_template_has_what_the_policy_refuses_or_an_address_elsewhere() -> None:
    templates = list(Path(str(files("closedloop.service"))).glob("templates/**/*.html"))
    assert len(templates) >= 8
    for template in templates:
        parser = Inline()
        text = re.sub("{[%#].*?[%#]}", " ", template.read_text(), flags=re.DOTALL)
        parser.feed(re.sub("{{.*?}}", "/", text, flags=re.DOTALL))
        assert parser.found == [], template


def test_our_scripts_and_styles_name_no_other_place() -> None:
    folder = Path(str(files("closedloop.service"))) / "static"
    for path in (folder / "page.js", folder / "charts.js", folder / "page.css"):
        text = path.read_text()
        assert "//" not in text.replace("// ", "").replace("http://www.w3.org", ""), path
        assert not any(word in text for word in ("eval(", "new Function", "innerHTML", "@import", "url(")), path


def test_it_listens_on_the_loopback_interface_alone(client: httpx.Client) -> None:
    doors = {address for address, port in listening(psutil.Process()) if port == client.base_url.port}
    assert doors == {"127.0.0.1"}


def test_a_port_that_is_taken_is_said(client: httpx.Client) -> None:
    from fastapi import FastAPI

    with (
        refused(ExecutionError, f"127.0.0.1:{client.base_url.port}", "expected a free port"),
        serving(FastAPI(), port=client.base_url.port or 0),
    ):
        pass


def test_who_connects_and_asks_nothing_is_hung_up_on(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many, all of the page's connections would be taken for good."""
    monkeypatch.setattr(HeardOut, "most_s", 0.2)
    here = (str(client.base_url.host), client.base_url.port or 80)
    for said in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT"):
        with socket.create_connection(here, timeout=30) as stranger:
            stranger.sendall(said)
            while stranger.recv(1 << 16):
                pass


def test_who_listens_is_not_hung_up_on(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeardOut, "most_s", 0.02)
    with client.stream("GET", "/study/one/events") as answer:
        beats = (line for line in answer.iter_lines() if line == ": here")
        assert [next(beats) for _ in range(3)] == [": here"] * 3
