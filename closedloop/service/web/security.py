"""Who may ask the page for what.

It is bound to the loopback interface, which other users of this machine and every site that a browser here is shown
can still reach. So: a name other than this machine's own is refused (a site that points its name at 127.0.0.1 would
otherwise read the page), what changes something needs the token in a header that no form can send, and the page
itself may load nothing but its own files and run nothing that stands in its text.
"""

from __future__ import annotations

import hmac
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER: Final = "X-Closedloop-Token"
LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
CONTENT_POLICY: Final = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_READING = frozenset({"GET", "HEAD"})


def is_local(host: str) -> bool:
    """Return whether a Host header names this machine, at any port: ssh forwards from another one."""
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name:
        name, port = port, ""
    return name.lower() in LOCAL_NAMES and (not port or (port.isascii() and port.isdecimal()))


class Guard:
    """Stands before the whole application: refuses first, and puts the same headers on every answer."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refusal(scope)
        if refused:
            code, line = refused
            await PlainTextResponse(f"{line}\n", code)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers, method = Headers(scope=scope), scope["method"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_local(hosts[0]):
            return 400, "Host: expected localhost, 127.0.0.1 or [::1], found another name. Use the address as printed."
        if method == "POST":
            return self._refusal_to_change(headers, page=f"http://{hosts[0]}")
        return None if method in _READING else (405, "method: expected GET or POST, found another one.")

    def _refusal_to_change(self, headers: Headers, *, page: str) -> tuple[int, str] | None:
        origin = headers.get("origin")
        if origin is not None and origin != page:
            return 403, "Origin: expected this page, found another one. Decide on the page itself."
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return 403, "Sec-Fetch-Site: expected this page, found another one. Decide on the page itself."
        given = headers.get(TOKEN_HEADER, "").encode()
        if not self._token or not hmac.compare_digest(given, self._token):
            return 403, f"{TOKEN_HEADER}: expected the token, found none or another. Open the link that serve printed."
        return None
