"""What keeps other pages, other users and hostile texts out: headers, hosts, and whose form it is."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from canary.dashboard.sessions import Session

FORM_TOKEN = "form-token"  # noqa: S105 - the name of a field
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}; "
    "require-trusted-types-for 'script'; trusted-types tidegate"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # With no-referrer a form's own origin would arrive as null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "tidegate",
}
_HSTS = "max-age=31536000"


def protecting(
    frame_ancestors: Sequence[str] = (),
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make what puts the headers on an answer, whatever it is.

    Pages of these origins may show ours in a frame; no page may when none is named.
    """
    policy = _POLICY.format(ancestors=" ".join(frame_ancestors) or "'none'")
    headers = _HEADERS | {"Content-Security-Policy": policy}

    async def protect(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)
        response.headers.setdefault("Cache-Control", "no-store")
        if request.secure or request.headers.get("X-Forwarded-Proto") == "https":
            response.headers["Strict-Transport-Security"] = _HSTS

    return protect


def same_origin(request: web.Request) -> bool:
    """Tell whether a request comes from one of our own pages, as the browser says."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return origin.partition("://")[2] == request.host and bool(request.host)


async def own_form(request: web.Request, session: Session) -> dict[str, str]:
    """Read a form that one of the session's own pages has sent.

    Raises:
        HTTPForbidden: another page, or another session's, has sent it.
    """
    if not same_origin(request):
        raise web.HTTPForbidden(text="This command was sent by another site, and was refused.")
    form = {name: value for name, value in (await request.post()).items() if type(value) is str}
    if not session.owns(form.get(FORM_TOKEN, "")):
        raise web.HTTPForbidden(
            text="This page is of an earlier session: open it again, and repeat the command."
        )
    return form
