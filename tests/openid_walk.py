"""What a browser does between the console and an OpenID provider: goes there, agrees, comes back."""

from __future__ import annotations

import re
from html import unescape

import httpx
from httpx import Response

from console_world import Browser


def onward(page: Response) -> str:
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])


def agreed(page: Response) -> str:
    """Goes to the provider as a browser would, agrees, and gives the address that it sends the browser back to."""
    answer = httpx.get(onward(page), follow_redirects=False)
    return str(answer.headers["location"])


def come_back(browser: Browser, address: str) -> Response:
    answer = browser.get(address)
    if answer.status_code == 200 and "http-equiv" in answer.text:
        return browser.get(onward(answer))
    return answer


def is_in(browser: Browser) -> bool:
    return 'class="who-name"' in browser.get("/console/you").text
