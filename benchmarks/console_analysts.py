"""Twenty analysts at one console for some minutes: every page they open and every form they send, and what went wrong.

The home is that of console_pages.py, with N cases. Each analyst is a session of its own in a real Chromium, signed in
with a token of their own, and goes about as people do: filters the queue, opens a case, claims it, writes a note, adds
a task, follows an account and what it shares, gives the case back. Errors are answers of 400 and more, failed
requests, errors of scripts and complaints of the browser, pages that lack what they promise. A case that a colleague
was faster with is none: the console says so. Prints one JSON object; server, browser and analysts share this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Error, Page, Response, async_playwright

from console_pages import CHROMIUM, fill, served
from stormwatch.runtime import create_home

FILTERS = ("", "?order=due", "?state=all&order=changed", "?queue=compromised-account", "?assignee=me", "?order=opened")
CONFLICT = 409


@dataclass(slots=True)
class Log:
    """What happened: milliseconds of each kind of step, forms that a colleague was faster with, and errors."""

    took: dict[str, list[float]] = field(default_factory=dict)
    overtaken: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, object]:
        """For the output."""
        steps = {name: _spread(times) for name, times in sorted(self.took.items())}
        return {"steps": steps, "overtaken": self.overtaken, "errors": dict(self.errors)}


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "times": len(times),
        "median_ms": round(statistics.median(ordered)),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))]),
        "worst_ms": round(ordered[-1]),
    }


class Analyst:
    """One person's session: a page of the browser and what they do next."""

    def __init__(self, page: Page, base: str, log: Log, chance: random.Random) -> None:
        self._page = page
        self._base = base
        self._log = log
        self._chance = chance
        page.on("response", self._answered)
        page.on("pageerror", lambda error: self._wrong(f"script: {error}"))
        page.on("console", lambda told: self._wrong(f"browser: {told.text}") if told.type == "error" else None)

    async def sign_in(self, token: str) -> None:
        """Opens the console with a personal token."""
        await self._page.goto(f"{self._base}/console/")
        await self._page.get_by_label("Personal token").fill(token)
        await self._page.get_by_role("button", name="Use this token").click()
        await self._page.get_by_role("heading", name="Queue", exact=True).wait_for()

    async def work(self, until: float, pause: float) -> None:
        """Goes from step to step until the time is over."""
        while time.monotonic() < until:
            try:
                await self._round(pause)
            except Error as error:
                self._wrong(f"step: {str(error).splitlines()[0]}")

    async def _round(self, pause: float) -> None:
        page = self._page
        await self._step("queue", lambda: page.goto(f"{self._base}/console/{self._chance.choice(FILTERS)}"), pause)
        cases = page.locator("#queue-rows tbody th a")
        if await cases.count():
            row = cases.nth(self._chance.randrange(await cases.count()))
            await self._step("case", row.click, pause)
            await self._handle(pause)

    async def _handle(self, pause: float) -> None:
        page = self._page
        claim = page.get_by_role("button", name="Claim this case")
        if await claim.count():
            await self._step("claim", claim.click, pause)
        note = page.get_by_label("Add a note")
        if await note.count():
            await note.fill(f"looked at it, {self._chance.random():.6f}")
            await self._step("note", page.get_by_role("button", name="Keep the note").click, pause)
        account = page.locator("#evidence").locator("xpath=..").locator("a[href*='/account']:visible").first
        if await account.count():
            await self._step("account", account.click, pause)
            await self._step("back", page.go_back, pause)
        similar = page.get_by_role("link", name="Similar cases")
        if await similar.count() and await similar.first.is_visible():
            await self._step("similar", similar.first.click, pause)

    async def _step(self, name: str, deed: Callable[[], Awaitable[object]], pause: float) -> None:
        began = time.monotonic()
        await deed()
        await self._page.locator("#content h1").first.wait_for()
        self._log.took.setdefault(name, []).append((time.monotonic() - began) * 1000)
        await asyncio.sleep(self._chance.uniform(0.5, 1.5) * pause)

    def _answered(self, response: Response) -> None:
        if response.status == CONFLICT:
            self._log.overtaken += 1
        elif response.status >= 400:
            self._wrong(f"{response.status} {response.request.method} {_place(response.url)}")

    def _wrong(self, what: str) -> None:
        if f"status of {CONFLICT}" not in what:  # the browser's word for what is counted already
            self._log.errors[what] += 1


def _place(url: str) -> str:
    """An address without ids, so that equal errors count together."""
    path = url.split("/console", 1)[-1].split("?")[0]
    return "/".join("ID" if any(letter.isdigit() for letter in part) else part for part in path.split("/"))


async def clicking(base: str, tokens: list[str], minutes: float, pause: float) -> Log:
    """All analysts at once."""
    log = Log()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
        analysts = [await _seated(browser, base, log, token, seed) for seed, token in enumerate(tokens)]
        until = time.monotonic() + 60 * minutes
        await asyncio.gather(*(analyst.work(until, pause) for analyst in analysts))
        await browser.close()
    return log


async def _seated(browser: Browser, base: str, log: Log, token: str, seed: int) -> Analyst:
    context = await browser.new_context()
    analyst = Analyst(await context.new_page(), base, log, random.Random(seed))
    await analyst.sign_in(token)
    return analyst


def main() -> None:
    """Makes the home, seats the analysts and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--analysts", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds that somebody looks at a page, on average")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, closing(create_home(Path(folder) / "home")) as runtime:
        tokens = fill(runtime, asked.cases, 4, analysts=asked.analysts)
        with served(runtime.settings.home) as base:
            log = asyncio.run(clicking(base, tokens, asked.minutes, asked.pause))
        runtime.settings.key_path.unlink()
    print(json.dumps({"cases": asked.cases, "analysts": asked.analysts, "minutes": asked.minutes, **log.told()}))


if __name__ == "__main__":
    main()
