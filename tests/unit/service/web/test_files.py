"""What is vendored is what its makers published, and comes with its licences."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import httpx

from closedloop.service.web.files import page_files
from closedloop.storage import sha256_file
from tests.unit.service.served import served

VENDOR = Path(str(files("closedloop.service"))) / "static" / "vendor"


def test_vendored_files_have_the_hashes_that_were_written_down_when_they_came() -> None:
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| .*\((\S+)\) \| ([0-9a-f]{64}) \|$", (VENDOR / "README.md").read_text(), re.M
    )
    assert {name for name, *_ in rows} == {path.name for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}}
    for name, _package, licence, sha256 in rows:
        assert sha256_file(VENDOR / name) == sha256
        assert len((VENDOR / licence).read_text()) > 500


def test_a_browser_that_has_a_file_is_not_sent_it_again() -> None:
    with served({}) as client:
        for name, (content, media_type, tag) in page_files().items():
            answer = client.get(f"/static/{name}")
            assert (answer.content, answer.headers["content-type"]) == (content, media_type)
            again: httpx.Response = client.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
