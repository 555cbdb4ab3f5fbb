"""The page's application: studies, their panels, live updates, and what a person decides."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError, OptionError
from closedloop.service.control import Control
from closedloop.service.panels import PANELS
from closedloop.service.panels.panel import AskedPanel, PagePanel, PicturePanel
from closedloop.service.web.decisions import ACTIONS, act, read_decision
from closedloop.service.web.events import EventStream, LiveStudy, ReadingPace, unreadable
from closedloop.service.web.files import page_files
from closedloop.service.web.overview import overview
from closedloop.service.web.render import render_fragment, render_json, render_page
from closedloop.service.web.security import Guard
from closedloop.storage import sha256_bytes

_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")


def create_app(
    studies: Mapping[str, StudyPaths],
    *,
    token: str,
    control: Control | None,
    panels: Sequence[PagePanel] = PANELS,
    pace: ReadingPace | None = None,
) -> FastAPI:
    """Return the page of some studies.

    Parameters
    ----------
    studies
        By the names that the page gives them.
    token
        What a request that changes something must have; empty: nothing can be changed.
    control
        Who acts on decisions; None: nothing can be changed.
    panels
        What is shown of a study.
    pace
        How often a study is looked at.
    """
    live = {name: LiveStudy(name, paths, panels, pace=pace or ReadingPace()) for name, paths in studies.items()}

    @asynccontextmanager
    async def closing(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await close_streams(live)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=closing, redirect_slashes=False)
    app.state.live = live
    app.add_middleware(Guard, token=token)
    _add_pages(app, live, panels, is_read_only=control is None or not token)
    _add_files(app)
    for action in ACTIONS:
        _add_action(app, live, action, control)
    return app


async def close_streams(live: Mapping[str, LiveStudy]) -> None:
    """End what pages listen to; a server that ends would wait for them."""
    await asyncio.gather(*(one.close() for one in live.values()))


def _found(live: Mapping[str, LiveStudy], name: str) -> LiveStudy:
    if name not in live:
        raise HTTPException(404, "study: expected one of those on the overview, found another name.")
    return live[name]


def _add_pages(app: FastAPI, live: Mapping[str, LiveStudy], panels: Sequence[PagePanel], *, is_read_only: bool) -> None:
    by_name = {panel.NAME: panel for panel in panels}

    def panel_of(name: str) -> PagePanel:
        if name not in by_name:
            raise HTTPException(404, "panel: expected one of the page's, found another name.")
        return by_name[name]

    @app.get("/")
    async def show_overview() -> Response:
        found = await asyncio.to_thread(overview, tuple(live.values()))
        return HTMLResponse(render_page("overview.html", {"rows": found, "is_read_only": is_read_only}))

    @app.get("/rows")
    async def show_rows() -> Response:
        found = await asyncio.to_thread(overview, tuple(live.values()))
        return HTMLResponse(render_page("overview_rows.html", {"rows": found}))

    @app.get("/study/{name}")
    async def show_study(name: str) -> Response:
        one = _found(live, name)
        fragments = await one.refresh()
        values: dict[str, Any] = {
            "study": one.study,
            "place": one.place,
            "panels": [(panel, fragments[panel.NAME].text) for panel in panels],
            "is_read_only": is_read_only,
            "is_alone": len(live) == 1,
        }
        return HTMLResponse(render_page("study.html", values))

    @app.get("/study/{name}/events")
    async def tell_changes(name: str, request: Request) -> Response:
        one = _found(live, name)
        place = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return EventStream(one, place)

    @app.get("/study/{name}/panel/{panel}.json")
    async def show_data(name: str, panel: str) -> Response:
        one = _found(live, name)
        panel_of(panel)
        await one.refresh()
        content = await asyncio.to_thread(render_json, one.data(panel))
        return Response(content, media_type="application/json")

    @app.get("/study/{name}/panel/{panel}")
    async def show_fragment(name: str, panel: str, request: Request) -> Response:
        one, shown = _found(live, name), panel_of(panel)
        if request.query_params and isinstance(shown, AskedPanel):
            return HTMLResponse(await asyncio.to_thread(_asked, shown, one, dict(request.query_params)))
        fragments = await one.refresh()
        return HTMLResponse(fragments[panel].text)

    @app.get("/study/{name}/panel/{panel}/picture/{key}.png")
    async def show_picture(name: str, panel: str, key: str, request: Request) -> Response:
        one, shown = _found(live, name), panel_of(panel)
        if isinstance(shown, PicturePanel) and _KEY.fullmatch(key):
            try:
                content = await asyncio.to_thread(shown.picture, one.paths, key)
            except ClosedLoopError as error:
                raise HTTPException(404, str(error)) from error
            if content is not None:
                headers = {"Cache-Control": "private, max-age=3600", "ETag": f'"{sha256_bytes(content)[:32]}"'}
                if request.headers.get("if-none-match") == headers["ETag"]:
                    return Response(status_code=304, headers=headers)
                return Response(content, media_type="image/png", headers=headers)
        raise HTTPException(404, "picture: expected one that the panel shows, found another key.")


def _asked(panel: PagePanel, one: LiveStudy, words: Mapping[str, str]) -> str:
    """Return what a person asked for; a panel's fault is said, as where it changes by itself."""
    try:
        data = panel.read_asked(one.paths, words) if isinstance(panel, AskedPanel) else panel.read(one.paths)
        return render_fragment(panel, data, one.study)
    except Exception as error:  # noqa: BLE001 - see `LiveStudy`
        return unreadable(error)


def _add_files(app: FastAPI) -> None:
    @app.get("/static/{name:path}")
    async def show_file(name: str, request: Request) -> Response:
        if name not in page_files():
            raise HTTPException(404, "file: expected one of the page's, found another name.")
        content, media_type, tag = page_files()[name]
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    @app.get("/favicon.ico")
    async def show_icon() -> Response:
        content, media_type, _tag = page_files()["icon.svg"]
        return Response(content, media_type=media_type)

    @app.exception_handler(HTTPException)
    async def say(_request: Request, error: HTTPException) -> Response:
        return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)


def _add_action(app: FastAPI, live: Mapping[str, LiveStudy], action: str, control: Control | None) -> None:
    @app.post(f"/study/{{name}}/{action}")
    async def decide(name: str, request: Request) -> Response:
        one = _found(live, name)
        try:
            decision = await read_decision(request, action)
            if control is None:
                raise OptionError(f"{action}: expected a page that decides, found one that only shows. Use a terminal.")
            one.refuse_other_study()
            said = await asyncio.to_thread(act, control, one.paths, action, decision)
        except ClosedLoopError as error:
            return JSONResponse({"error": str(error)}, 409)
        await one.refresh()
        return JSONResponse({"said": said})
