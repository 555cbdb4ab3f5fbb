"""The application: the experiment's own page, from its folder, and two requests that open a session and send lines."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.journal import parse_answer
from closedloop.artifacts.discrimination.rows import ANSWER_ROW
from closedloop.errors import ClosedLoopError, DocumentError, OptionError
from closedloop.plain_text.json_text import parse_json
from closedloop.service.web.discrimination.answers import AnswerStore
from closedloop.service.web.security import Guard
from closedloop.storage import read_bytes

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_NAME = re.compile(
    r"(index\.html|page\.css|(loading|experiment|exactness|journal|frames|page)\.js"
    r"|vendor/(jspsych|canvas-keyboard-response)\.min\.js|images/[0-9a-f]{16}\.js|sessions/[0-9]{4}\.js)"
)
_MOST_BYTES = 4 << 20  # a whole session is a twentieth of it
_MOST_ROWS = 10_000


def discrimination_app(experiment: OpenExperiment, *, token: str) -> FastAPI:
    """Return the page of an experiment.

    Parameters
    ----------
    experiment
        Its folder, opened.
    token
        What a request that stores something must have.
    """
    store = AnswerStore(experiment)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.live = {}  # pages of studies, of which there are none here
    app.add_middleware(Guard, token=token)

    @app.get("/")
    async def show_page() -> Response:
        return await show_file("index.html")

    @app.get("/favicon.ico")
    async def show_no_icon() -> Response:
        return Response(status_code=204)

    @app.get("/served")
    async def say_served() -> Response:
        return JSONResponse({"served": experiment.document.experiment_id})

    @app.post("/open")
    async def open_session(request: Request) -> Response:
        content = await _content(request, {"subject", "session"})
        session = None if content["session"] is None else _number(content)
        number, rows = await asyncio.to_thread(store.open, _code(content), session)
        return JSONResponse({"session": number, "rows": [ANSWER_ROW.dump_python(row, mode="json") for row in rows]})

    @app.post("/journal")
    async def add_lines(request: Request) -> Response:
        content = await _content(request, {"subject", "session", "rows"})
        if not isinstance(content["rows"], list) or len(content["rows"]) > _MOST_ROWS:
            raise OptionError("rows: expected a list of lines, found another. Reload the page.")
        rows = [parse_answer(row, place="rows") for row in content["rows"]]
        n_rows = await asyncio.to_thread(store.add, _code(content), _number(content), rows)
        return JSONResponse({"n_rows": n_rows})

    @app.get("/{name:path}")
    async def show_file(name: str) -> Response:
        path = experiment.paths.page / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise HTTPException(404, "file: expected one of the page's, found another name.")
        content = await asyncio.to_thread(read_bytes, path)
        return Response(content, media_type=f"{_TYPES[path.suffix]}; charset=utf-8")

    @app.exception_handler(HTTPException)
    async def say(_request: Request, error: HTTPException) -> Response:
        return PlainTextResponse(f"{error.detail}\n", error.status_code)

    @app.exception_handler(ClosedLoopError)
    async def refuse(_request: Request, error: ClosedLoopError) -> Response:
        return PlainTextResponse(f"{error}\n", 409 if isinstance(error, DocumentError) else 400)

    return app


def _code(content: dict[str, Any]) -> str:
    found = content["subject"]
    if not isinstance(found, str):
        raise OptionError("code: expected a word, found something else. Reload the page.")
    return found


def _number(content: dict[str, Any]) -> int:
    found = content["session"]
    if not isinstance(found, int) or isinstance(found, bool):
        raise OptionError("session: expected a whole number, found something else. Reload the page.")
    return found


async def _content(request: Request, names: set[str]) -> dict[str, Any]:
    """Return the fields of a request.

    Raises
    ------
    OptionError
        It is too long, no JSON, or has other fields.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise OptionError(f"request: expected at most {_MOST_BYTES:,} bytes, found more. Reload the page.")
    content = parse_json(body, place="request", error=OptionError, remedy="Reload the page.")
    if not isinstance(content, dict) or set(content) != names:
        raise OptionError(f"request: expected {', '.join(sorted(names))}, found other fields. Reload the page.")
    return content
