"""The first gateway: the decision endpoint itself, asked for its own answer over HTTP where that is configured."""

from __future__ import annotations

import time
from typing import Final

import httpx
import msgspec

from stormwatch.actions.decisions import decide
from stormwatch.actions.ports import DeliveryFailed, Order
from stormwatch.config import Settings
from stormwatch.model.case import DecisionState
from stormwatch.storage.database import Database

_TIMEOUT_SECONDS: Final = 5.0
_NEWS_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.05


class _Answer(msgspec.Struct):
    state: DecisionState


class DecisionEndpoint:
    """Needs no telling, because the decision list changed with the approval; what it answers is read back.

    With `url` (`http://127.0.0.1:8787`) and a token of scope `decide` the answer is that of the running server, as any
    gateway would get it; without, that of the same decision list in the database.
    """

    name: Final = "decision-endpoint"

    def __init__(self, database: Database, *, url: str | None = None, token: str | None = None) -> None:
        self._database = database
        self._url = url.rstrip("/") if url else None
        self._token = token

    def apply(self, order: Order) -> None:
        """Nothing is left to do; the approval's transaction has done it.

        `stormwatch decide` follows the database at a little distance, so it is given a moment to have heard of it.
        """
        if self._url is None:
            return
        end = time.monotonic() + _NEWS_SECONDS
        while self.probe(order.account_id) is not order.state and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)

    def probe(self, account_id: str) -> DecisionState:
        """What the endpoint answers for the account; DeliveryFailed when it gives no decision."""
        if self._url is None:
            return decide(self._database, account_id).state
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
                response = client.get(f"{self._url}/v1/decision", params={"account": account_id}, headers=headers)
                response.raise_for_status()
                return msgspec.json.decode(response.content, type=_Answer).state
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
            raise DeliveryFailed(
                f"the decision endpoint gave no decision: {error}",
                where=self._url,
                remedy="check STORMWATCH_DECISION_URL and STORMWATCH_DECISION_TOKEN",
            ) from error


def decision_endpoint(database: Database, settings: Settings) -> DecisionEndpoint:
    """The decision endpoint of an installation, probed over HTTP when its address is set."""
    return DecisionEndpoint(database, url=settings.decision_url, token=settings.decision_token)
