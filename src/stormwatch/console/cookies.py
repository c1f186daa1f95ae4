"""The console's cookies: what each is called, where it is sent, and how it is set and taken back.

Behind TLS their names begin with `__Host-`: a browser then takes them from this very host alone, with Secure and for
the whole host (RFC 6265bis, section 4.1.3). Without TLS, on this machine, they stay below the console.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Literal, cast

from fastapi import Request
from fastapi.responses import Response

from stormwatch.model.errors import Forbidden
from stormwatch.runtime import Runtime


class Cookie(StrEnum):
    """What the console keeps in a browser; no script reads any of it."""

    SESSION = "session"
    VISITOR = "visitor"  # ties the forms of somebody who is not signed in to their browser
    BROWSER = "browser"  # marks a browser that somebody signed in from before
    FLOW = "flow"  # ties the answer of an identity provider to the browser that asked


def is_secure(request: Request) -> bool:
    """Whether people reach the console by TLS: as the settings say, or as this request came."""
    settings = cast("Runtime", request.app.state.runtime).settings
    return request.url.scheme == "https" or (settings.console_url or "").startswith("https:")


def cookie(request: Request, which: Cookie) -> str:
    """The value that the browser sent; empty when it sent none."""
    return request.cookies.get(_name(request, which), "")


def keep_cookie(
    request: Request,
    answer: Response,
    which: Cookie,
    value: str,
    *,
    seconds: int | None = None,
    same_site: Literal["strict", "lax"] = "strict",
) -> None:
    """Sets one, for so many seconds or until the browser is closed."""
    answer.set_cookie(
        _name(request, which),
        value,
        max_age=seconds,
        path=_path(request),
        httponly=True,
        samesite=same_site,
        secure=is_secure(request),
    )


def drop_cookie(request: Request, answer: Response, which: Cookie) -> None:
    """Takes one back."""
    answer.delete_cookie(_name(request, which), path=_path(request), httponly=True, secure=is_secure(request))


def require_private_way(request: Request) -> None:
    """Forbidden where a password or token would cross a network unencrypted, unless the settings allow it."""
    settings = cast("Runtime", request.app.state.runtime).settings
    if is_secure(request) or settings.console_plain_http or _is_here(request):
        return
    raise Forbidden(
        "nobody signs in over an unencrypted network",
        remedy="put TLS in front and set console_url to its https address, or allow it with console_plain_http",
    )


def _is_here(request: Request) -> bool:
    """Whether the request comes from this machine; what is no address of a network (a socket file) is from here."""
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return True


def _name(request: Request, which: Cookie) -> str:
    return f"{'__Host-' if is_secure(request) else ''}stormwatch_{which.value}"


def _path(request: Request) -> str:
    return "/" if is_secure(request) else str(request.scope.get("root_path", "")) or "/"
