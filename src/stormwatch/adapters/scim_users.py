"""SCIM 2.0 as a gateway (RFC 7644): an account is a user of an identity provider, and shut by `active: false`."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

import msgspec

from stormwatch.actions.ports import DeliveryFailed, Order
from stormwatch.adapters.addresses import check_address
from stormwatch.adapters.gateway_holds import Holds
from stormwatch.adapters.gateway_http import GatewayHttp
from stormwatch.config import Settings
from stormwatch.model.case import DecisionState
from stormwatch.storage.database import Database

_MEDIA_TYPE: Final = "application/scim+json"
_PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class _User(msgspec.Struct):
    id: str
    active: bool | None = None


class _Found(msgspec.Struct):
    totalResults: int  # noqa: N815 - as RFC 7644 spells it
    Resources: list[_User] = []


class ScimUsers:
    """Switches users off and on. One that was inactive before for other reasons stays so when the account is let in."""

    name: Final = "scim"
    only_off_and_on: Final = True

    def __init__(self, database: Database, url: str, token: str | None, match: str) -> None:
        headers = {"accept": _MEDIA_TYPE} | ({"authorization": f"Bearer {token}"} if token else {})
        self._http = GatewayHttp("the SCIM server", url, headers)
        self._match = match
        self._holds = Holds(database, self.name)

    def apply(self, order: Order) -> None:
        """The user is inactive, or active again where it was active before; or DeliveryFailed."""
        user = self._user(order.account_id)
        active = user.active is not False  # RFC 7643 leaves a missing value to the server; all read it as active
        if order.state is DecisionState.SUSPENDED:
            self._holds.enter(order.account_id, {user.id: active})
            if active:
                self._switch(user.id, active=False)
            return
        if self._holds.of(order.account_id).get(user.id) and not active:
            self._switch(user.id, active=True)
        self._holds.clear(order.account_id)

    def probe(self, account_id: str) -> DecisionState:
        """Suspended when the user was shut for us and is inactive."""
        user = self._user(account_id)
        shut = user.active is False and user.id in self._holds.of(account_id)
        return DecisionState.SUSPENDED if shut else DecisionState.ALLOW

    def _user(self, account_id: str) -> _User:
        """The one user of that name; anything but one is a failure, for a wrong guess shuts out somebody else."""
        # A JSON string, as the filter's grammar wants it: no account id can be read as more of the filter.
        wanted = f"{self._match} eq {json.dumps(account_id)}"
        answer = self._http.call("GET", "/Users", params={"filter": wanted, "attributes": "id,active"})
        try:
            found = msgspec.json.decode(answer or b"", type=_Found)
        except msgspec.DecodeError as error:
            raise self._http.unreadable(error) from error
        if found.totalResults != 1 or len(found.Resources) != 1:
            raise DeliveryFailed(
                f"the SCIM server knows {found.totalResults} users with this {self._match}",
                where=account_id,
            )
        return found.Resources[0]

    def _switch(self, user_id: str, *, active: bool) -> None:
        operation = {"op": "replace", "path": "active", "value": active}
        body = msgspec.json.encode({"schemas": [_PATCH], "Operations": [operation]})
        path = f"/Users/{quote(user_id, safe='')}"
        self._http.call("PATCH", path, body=body, headers={"content-type": _MEDIA_TYPE})


def scim_users(database: Database, settings: Settings) -> ScimUsers | None:
    """The adapter of an installation; None where no address is set, InvalidInput where it cannot be used."""
    if settings.scim_url is None:
        return None
    check_address(
        settings.scim_url,
        "STORMWATCH_SCIM_URL",
        carried="decisions",
        plain_http=settings.gateway_plain_http,
    )
    return ScimUsers(database, settings.scim_url, settings.scim_token, settings.scim_match)
