"""The appeal page as an application of its own below /appeal, so that a proxy can open it to the world alone."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from string import Template
from typing import Annotated, Final

import structlog
from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from stormwatch.actions.appeals.receiving import CodeRefused, receive_appeal
from stormwatch.actions.notices.languages import load_languages
from stormwatch.console.cookies import require_private_way
from stormwatch.console.entering import root_of, runtime_of, visitor_page
from stormwatch.console.plain_text import shown
from stormwatch.console.public_appeal.words import PageWords, chosen_language, load_words
from stormwatch.console.security import SecurityHeaders, SmallForms, require_visitor
from stormwatch.events.client_address import client_address
from stormwatch.model.errors import Forbidden, InvalidInput, StormwatchError, TooManyAttempts
from stormwatch.model.event import IpSource
from stormwatch.model.times import day_of
from stormwatch.runtime import Runtime

PREFIX: Final = "/appeal"
_HERE: Final = Path(__file__).parent
_log = structlog.get_logger(__name__)

Text = Annotated[str, Form()]


def mount_appeal(app: FastAPI, runtime: Runtime) -> None:
    """Adds the page to an application; `/appeal` without a slash leads to it."""
    app.add_api_route(PREFIX, _to_page, methods=["GET"], include_in_schema=False)
    app.mount(PREFIX, public_appeal(runtime))


def public_appeal(runtime: Runtime) -> FastAPI:
    """The page as an ASGI application, wherever it is mounted."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    made.state.runtime = runtime
    made.state.templates = Environment(
        loader=PackageLoader("stormwatch.console.public_appeal"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.add_api_route("/", show_form, methods=["GET"])
    made.add_api_route("/", take_appeal, methods=["POST"])
    made.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    made.add_middleware(SmallForms)
    made.add_middleware(SecurityHeaders)
    for kind in (RequestValidationError, HTTPException, StormwatchError):
        made.add_exception_handler(kind, _not_taken)
    return made


def show_form(request: Request, lang: str = "") -> Response:
    """The form. It asks for nothing but the code and the words."""
    return _page(request, lang)


def take_appeal(request: Request, code: Text = "", text: Text = "", lang: Text = "", csrf: Text = "") -> Response:
    """Takes an appeal. What is wrong with a code is not told; what was written is shown again, to be sent anew."""
    words = _words(request, lang)
    try:
        require_visitor(request, csrf)
        require_private_way(request)
    except Forbidden as error:
        return _page(request, lang, words.again, error, text)
    try:
        appeal = receive_appeal(runtime_of(request).desk, code, text, _address(request))
    except CodeRefused as error:
        return _page(request, lang, words.refused, error, text)
    except TooManyAttempts as error:
        return _page(request, lang, words.wait, error, text)
    except InvalidInput as error:
        return _page(request, lang, words.unusable, error, text)
    return _page(request, lang, done=Template(words.received).safe_substitute(due=day_of(appeal.due_us)))


def _page(
    request: Request,
    lang: str,
    sentence: str = "",
    alert: StormwatchError | None = None,
    text: str = "",
    done: str = "",
) -> Response:
    code = _language(request, lang)
    values = {
        "words": load_words()[code],
        "language": load_languages()[code],
        "languages": [each for each in load_languages().values() if each.code in load_words()],
        "sentence": sentence,
        "text": text.replace("\r\n", "\n"),  # as forms send the ends of lines
        "done": done,
    }
    return visitor_page(request, "appeal.html", values, alert)


def _not_taken(request: Request, _error: Exception) -> Response:
    """Whatever went wrong: no account holder is helped by more than one sentence, and no prober shall be."""
    status = _error.status_code if isinstance(_error, HTTPException) else 400
    _log.warning("appeal_page_failed", error=type(_error).__name__)
    answer = _page(request, "", _words(request, "").failed)
    answer.status_code = status
    return answer


def _words(request: Request, lang: str) -> PageWords:
    return load_words()[_language(request, lang)]


def _language(request: Request, lang: str) -> str:
    return chosen_language(lang, request.headers.get("accept-language", ""))


def _address(request: Request) -> str:
    """Where a guess comes from: the client behind the operator's own proxies, else who stood at the socket.

    A network of IPv6 (/64) counts as one place, because one household has all its addresses.
    """
    peer = request.client.host if request.client else ""
    found = client_address(peer, request.headers, runtime_of(request).formats.proxies)
    if found.address is None or found.source is IpSource.ASSERTED:
        return peer
    return str(ip_network(f"{found.address}/64", strict=False)) if ":" in found.address else found.address


def _to_page(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{root_of(request)}{PREFIX}/{query}", 303)
