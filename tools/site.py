"""Build the site from docs/ into site/. A warning is an error, and so is a request to another machine."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
# zensical counts its own warnings in its strict mode, but only prints those about docstrings.
_COMPLAINT = re.compile(r"(?i)^(griffe|mkdocstrings|.*warning|.*error)")
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_ELSEWHERE = re.compile(r"(?i)(https?:)?//")
_STYLE_REQUEST = re.compile(r"(?i)(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class SiteError(Exception):
    """The site was not built, or not as it must be."""


def build_site(config: Path = ROOT / "mkdocs.yml") -> str:
    """Build the site that a configuration describes and return what the builder said.

    Raises
    ------
    SiteError
        The builder complained: about a link, a page that is not there, a docstring.
    """
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", str(config)]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, cwd=config.parent)
    said = re.sub(r"\x1b\[[0-9;]*m", "", finished.stdout + finished.stderr)
    complaints = [line for line in said.splitlines() if _COMPLAINT.match(line)]
    if finished.returncode != 0 or complaints:
        raise SiteError(said)
    return said


def requests_elsewhere(site: Path) -> Iterator[str]:
    """Yield what a built page or style sheet would load from another machine, as `FILE: ADDRESS`.

    A link that a reader may follow is no request.
    """
    for page in sorted(site.rglob("*.html")):
        loads = _Loads()
        loads.feed(page.read_text())
        yield from (f"{page.relative_to(site)}: {address}" for address in loads.elsewhere)
    for sheet in sorted(site.rglob("*.css")):
        yield from (f"{sheet.relative_to(site)}: {address}" for address in _STYLE_REQUEST.findall(sheet.read_text()))


class _Loads(HTMLParser):
    """What a page loads from other machines."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attribute that makes a browser load something."""
        given = dict(attrs)
        address = given.get(_LOADED.get(tag, "")) or ""
        if _ELSEWHERE.match(address) and given.get("rel") != "canonical":
            self.elsewhere.append(address)


def main() -> None:
    """Build the site and name the page to open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=ROOT / "mkdocs.yml", help="mkdocs.yml of the site")
    config = parser.parse_args().config.resolve()
    try:
        build_site(config)
    except SiteError as error:
        sys.exit(str(error))
    site = config.parent / "site"
    if found := list(requests_elsewhere(site)):
        sys.exit("pages would load from other machines:\n" + "\n".join(found))
    sys.stdout.write(f"Open {site / 'index.html'}\n")


if __name__ == "__main__":
    main()
