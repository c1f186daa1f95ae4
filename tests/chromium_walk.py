"""A real browser against a real server on loopback, for the tests that walk through pages as people do."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Walk:
    """A browser that notes every request to another host and everything that the policy or a script complains of."""

    playwright: Playwright
    base: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chromium = self.playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)

    def person(self, token: str, **options: object) -> Page:
        """A context of their own for somebody who logs in."""
        page = self.context(**options).new_page()
        page.goto(f"{self.base}/")
        page.get_by_label("Personal token").fill(token)
        page.get_by_role("button", name="Use this token").click()
        return page

    def context(self, **options: object) -> BrowserContext:
        context = self.chromium.new_context(**options)
        context.on("request", lambda request: self._note_request(request.url))
        context.on("console", lambda message: self.complaints.append(message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context

    def _note_request(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.base).netloc:
            self.strangers.append(url)


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    """The console on a free port of this machine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    while not running.started and thread.is_alive():
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def walk(server: str) -> Iterator[Walk]:
    with sync_playwright() as playwright:
        made = Walk(playwright, server)
        yield made
        made.chromium.close()
    assert made.strangers == [], made.strangers
    assert made.complaints == [], made.complaints
