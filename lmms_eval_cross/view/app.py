"""What is served: the page, and what has changed since it was made."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.view.being_judged import describe, judging_now
from lmms_eval_cross.view.watched import Watched

COOKIE: Final = "cross-view"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""No cache keeps the benchmark's texts, and no other page shows or reads them."""


def make_app(watched: Watched, hosts: Sequence[str], token: str | None) -> Starlette:
    """The application.

    Args:
        watched: what it shows.
        hosts: names by which it may be addressed: any site may have its own name point here (DNS rebinding).
        token: what a browser must have been told once; None asks for none.
    """

    def page(request: Request) -> Response:
        if not _may_read(request, token):
            return _refused()
        if token is not None and "token" in request.query_params:
            return _with_cookie(token)
        return HTMLResponse(watched.page(), headers=HEADERS)

    def state(request: Request) -> Response:
        if not _may_read(request, token):
            return _refused()
        return JSONResponse({"version": watched.version(), **_judging()}, headers=HEADERS)

    guard = Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    return Starlette(routes=[Route("/", page), Route("/state", state)], middleware=[guard])


def _may_read(request: Request, token: str | None) -> bool:
    if token is None:
        return True
    given = request.cookies.get(COOKIE) or request.query_params.get("token") or ""
    return secrets.compare_digest(given.encode(), token.encode())


def _refused() -> Response:
    return PlainTextResponse("Open the address that `lmms-eval-cross view` printed.", 403, headers=HEADERS)


def _with_cookie(token: str) -> Response:
    """To the page without the token in its address, where histories and screenshots would show it."""
    response = RedirectResponse("/", 303, headers=HEADERS)
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
    return response


def _judging() -> dict[str, Any]:
    """The runs that are being judged, in words; a ledger that can't be read is told and ends nothing."""
    try:
        runs = judging_now(load_settings(), datetime.now(timezone.utc))
    except CrossError as error:
        return {"judging": [], "trouble": str(error)}
    judging: list[dict[str, Any]] = []
    for run in runs:
        judging.append({"title": run.title, "there": run.there, "wanted": run.wanted, "lines": describe(run)})
    return {"judging": judging, "trouble": ""}
