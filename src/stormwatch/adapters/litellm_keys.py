"""LiteLLM's key API as a gateway: an account is a user there, and shut by blocking each of its virtual keys.

What it rests on was observed of LiteLLM 1.106.2 with a database: after `/key/block` a key is refused with 401 within
0.1 s, `/key/unblock` takes that back (nothing takes a deletion back), and a key made afterwards works, so that accounts
are gone through again (`actions.upkeep`). Keys are named by the hash that `/user/info` lists as `token`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from stormwatch.actions.ports import DeliveryFailed, Order
from stormwatch.adapters.addresses import check_address
from stormwatch.adapters.gateway_holds import Holds
from stormwatch.adapters.gateway_http import GatewayHttp
from stormwatch.config import Settings
from stormwatch.model.case import DecisionState
from stormwatch.storage.database import Database

_KEY: Final = "key:"  # accounts as the reader of LiteLLM's events names them: a user's id, else the key's hash
_TEAM: Final = "team:"
_TOLD: Final = ""


class _Key(msgspec.Struct):
    token: str
    blocked: bool | None = None


class _User(msgspec.Struct):
    keys: list[_Key]


class _KeyState(msgspec.Struct):
    blocked: bool | None = None


class _KeyInfo(msgspec.Struct):
    info: _KeyState


class LiteLLMKeys:
    """Blocks and unblocks. Keys that were blocked before for other reasons stay blocked when the account is let in."""

    name: Final = "litellm-keys"
    only_off_and_on: Final = True

    def __init__(self, database: Database, url: str, token: str) -> None:
        self._http = GatewayHttp("LiteLLM", url, {"authorization": f"Bearer {token}"})
        self._holds = Holds(database, self.name)

    def apply(self, order: Order) -> None:
        """Every key of the account is blocked, or those that were blocked for us are opened; or DeliveryFailed."""
        if order.state is DecisionState.SUSPENDED:
            self._shut(order.account_id)
        else:
            self._open(order.account_id)

    def probe(self, account_id: str) -> DecisionState:
        """Suspended when it was shut here and none of its keys is open, also none that was made since."""
        keys = self._keys(account_id)
        held = bool(self._holds.of(account_id))
        return DecisionState.SUSPENDED if held and all(keys.values()) else DecisionState.ALLOW

    def _shut(self, account_id: str) -> None:
        keys = self._keys(account_id)
        self._holds.enter(account_id, {_TOLD: False} | {key: not blocked for key, blocked in keys.items()})
        for key, blocked in keys.items():
            if not blocked:
                self._post("/key/block", key)

    def _open(self, account_id: str) -> None:
        ours = {held for held, ours in self._holds.of(account_id).items() if ours}
        if ours:
            for key, blocked in self._keys(account_id).items():
                if blocked and key in ours:
                    self._post("/key/unblock", key)
        self._holds.clear(account_id)

    def _keys(self, account_id: str) -> dict[str, bool]:
        """Hashes of the account's keys, and whether each is blocked."""
        if account_id.startswith(_TEAM):
            raise DeliveryFailed(
                "a team's keys are not blocked one by one", where=account_id, remedy="block the team in LiteLLM"
            )
        try:
            if account_id.startswith(_KEY):
                key = account_id.removeprefix(_KEY)
                state = msgspec.json.decode(self._get("/key/info", "key", key), type=_KeyInfo).info
                return {key: bool(state.blocked)}
            user = msgspec.json.decode(self._get("/user/info", "user_id", account_id), type=_User)
        except msgspec.DecodeError as error:
            raise self._http.unreadable(error) from error
        return {key.token: bool(key.blocked) for key in user.keys}

    def _get(self, path: str, name: str, value: str) -> bytes:
        answer = self._http.call("GET", path, params={name: value}, missing=True)
        if answer is None:
            raise DeliveryFailed("LiteLLM does not know this account", where=value)
        return answer

    def _post(self, path: str, key: str) -> None:
        self._http.call(
            "POST", path, body=msgspec.json.encode({"key": key}), headers={"content-type": "application/json"}
        )


def litellm_keys(database: Database, settings: Settings) -> LiteLLMKeys | None:
    """The adapter of an installation; None where no address is set, InvalidInput where it cannot be used."""
    if settings.litellm_url is None:
        return None
    check_address(
        settings.litellm_url,
        "STORMWATCH_LITELLM_URL",
        carried="decisions",
        plain_http=settings.gateway_plain_http,
    )
    return LiteLLMKeys(database, settings.litellm_url, settings.litellm_key or "")
