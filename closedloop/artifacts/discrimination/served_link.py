"""Port and token of an experiment's page, kept from one start to the next: a browser keeps answers under an address."""

from __future__ import annotations

import secrets
from pathlib import Path

from pydantic import Field

from closedloop.artifacts.discrimination.experiment import ExperimentPaths
from closedloop.artifacts.documents import Section, validate
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import read_json
from closedloop.storage import write_bytes

_TOKEN_BYTES = 24


class ServedLink(Section):
    """journals/.link.json: what the printed link has. The token keeps other users of this machine out.

    Port 0 stands for one that is free.
    """

    port: int = Field(ge=0, le=65_535)
    token: str = Field(pattern="^[A-Za-z0-9_-]{16,128}$")


def new_link() -> ServedLink:
    """Return a link at a free port."""
    return ServedLink(port=0, token=secrets.token_urlsafe(_TOKEN_BYTES))


def link_place(paths: ExperimentPaths) -> Path:
    """Return where it is kept: beside the answers, which do not leave the experiment's own folder either."""
    return paths.journals / ".link.json"


def kept_link(paths: ExperimentPaths) -> ServedLink | None:
    """Return the link of the last start; None where there was none, or it cannot be read."""
    place = link_place(paths)
    try:
        return (
            validate(ServedLink, read_json(place, missing="found none"), place=place.name) if place.is_file() else None
        )
    except DocumentError:
        return None


def keep_link(paths: ExperimentPaths, link: ServedLink) -> None:
    """Keep a link for the next start."""
    write_bytes(link_place(paths), link.model_dump_json().encode())
    link_place(paths).chmod(0o600)
