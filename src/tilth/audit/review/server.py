"""The review page's server: this machine alone, one secret address, rows by number.

It listens on 127.0.0.1. Every address begins with a random token; requests whose Host is another
than the server's own (a page elsewhere whose name was bound to 127.0.0.1), and posts from pages
of other origins, are refused. No address names a file: pictures are asked for by row.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tilth.audit.review.session import Session
from tilth.errors import UserError

POLICY = (
    "default-src 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ASSETS = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "map.js": ("map.js", "text/javascript; charset=utf-8"),
}
"""Address below the token -> file beside this one, and its type."""
_MOST_BYTES = 8 * 2**20  # of a post: half a million row numbers
_OWN_NAMES = ("127.0.0.1", "localhost")


class ReviewServer(ThreadingHTTPServer):
    """Serves a session until it is shut down.

    port: 0 for one that is free
    Raises UserError where the port is taken.
    """

    daemon_threads = True

    def __init__(self, session: Session, *, port: int = 0) -> None:
        self.session, self.token = session, secrets.token_urlsafe(24)
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise UserError(
                f"port {port} cannot be listened on ({error})",
                fix="leave --port out for one that is free",
            ) from error

    @property
    def address(self) -> str:
        """The page's address, token included."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"


class _Refused(Exception):
    """A request that gets this status and no more."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tilth", ""

    def do_GET(self) -> None:
        """Answer with the page, a picture, or what the page asks for."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Take a decision, or take one back."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of single requests."""

    def _answer(self, made: Callable[[], tuple[str, bytes]]) -> None:
        try:
            self._check_host()
            kind, content = made()
            status = HTTPStatus.OK
        except _Refused as refused:
            status, kind, content = refused.status, "text/plain", refused.status.phrase.encode()
        except (UserError, OSError, ValueError) as error:
            status, (kind, content) = HTTPStatus.BAD_REQUEST, _json({"error": str(error)})
        if status != HTTPStatus.OK:
            self.close_connection = True  # what is left of a post is not read
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": POLICY,
            "Cache-Control": "private, max-age=3600" if kind == "image/png" else "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _check_host(self) -> None:
        own = {f"{name}:{self.server.server_port}" for name in _OWN_NAMES}
        if self.headers.get("Host") not in own:
            raise _Refused(HTTPStatus.FORBIDDEN)
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{one}" for one in own}:
            raise _Refused(HTTPStatus.FORBIDDEN)

    def _place(self) -> str:
        """Return the address below the token; anything else is not there."""
        token, _, place = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.NOT_FOUND)
        return place

    def _get(self) -> tuple[str, bytes]:
        place, session = self._place(), self.server.session
        if place in ASSETS:
            name, kind = ASSETS[place]
            return kind, resources.files("tilth.audit.review").joinpath(name).read_bytes()
        if place == "state":
            return _json(session.state())
        if place == "map":
            asked = parse_qs(urlsplit(self.path).query)
            name, x, y = (asked.get(key, [""])[0] for key in ("name", "x", "y"))
            return _json(session.project(name, int(x), int(y)))
        room, _, number = place.partition("/")
        if room == "picture" and number.isascii() and number.isdecimal():
            return "image/png", session.picture(int(number))
        raise _Refused(HTTPStatus.NOT_FOUND)

    def _post(self) -> tuple[str, bytes]:
        place, session = self._place(), self.server.session
        length = self.headers.get("Content-Length") or ""
        if self.headers.get_content_type() != "application/json" or not length.isdecimal():
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if int(length) > _MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = json.loads(self.rfile.read(int(length)))
        if place == "decide" and isinstance(body, dict):
            return _json(session.decide(body))
        if place == "undo":
            return _json(session.undo())
        if place == "learn":
            return _json(session.learn())
        raise _Refused(HTTPStatus.NOT_FOUND)


def _json(value: Any) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()
