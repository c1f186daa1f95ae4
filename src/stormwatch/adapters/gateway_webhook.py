"""A gateway of the operator's own, told and asked by signed webhooks (Standard Webhooks): the most general adapter."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from stormwatch.actions.ports import Order
from stormwatch.adapters.addresses import check_address
from stormwatch.adapters.gateway_http import GatewayHttp
from stormwatch.adapters.webhook_signing import WebhookSigner, check_secrets
from stormwatch.config import Settings
from stormwatch.model.case import DecisionState
from stormwatch.model.times import now_us, optional_rfc3339


class _Decided(msgspec.Struct):
    account: str
    state: str
    reason_code: str | None
    until: str | None
    appeal_url: str | None
    action: str


class _Asked(msgspec.Struct):
    account: str


class _Message(msgspec.Struct):
    type: str
    timestamp: str | None
    data: _Decided | _Asked


class _Answer(msgspec.Struct):
    state: DecisionState


class GatewayWebhook:
    """Sends `account.decided` under the order's idempotency key; the answer to `account.asked` tells the state."""

    name: Final = "webhook"

    def __init__(self, url: str, secrets_: tuple[str, ...], appeal_url: str | None) -> None:
        self._http = GatewayHttp("the gateway's webhook", url, {})
        self._signer = WebhookSigner(secrets_)
        self._appeal_url = appeal_url

    def apply(self, order: Order) -> None:
        """The receiver has taken the message; or DeliveryFailed."""
        allowed = order.state is DecisionState.ALLOW
        data = _Decided(
            order.account_id,
            order.state.value,
            None if allowed else order.reason_code,
            None if allowed else optional_rfc3339(order.until_us),
            None if allowed else self._appeal_url,
            order.action_id,
        )
        self._send("account.decided", data, order.idempotency_key or f"{order.action_id}.{order.order_id}")

    def probe(self, account_id: str) -> DecisionState:
        """What the receiver answers for the account; or DeliveryFailed."""
        answer = self._send("account.asked", _Asked(account_id), f"asked.{secrets.token_hex(16)}")
        try:
            return msgspec.json.decode(answer, type=_Answer).state
        except msgspec.DecodeError as error:
            raise self._http.unreadable(error) from error

    def _send(self, kind: str, data: _Decided | _Asked, message_id: str) -> bytes:
        body = msgspec.json.encode(_Message(kind, optional_rfc3339(now_us()), data))
        return self._http.call("POST", "", body=body, headers=self._signer.headers(message_id, body)) or b""


def gateway_webhook(settings: Settings) -> GatewayWebhook | None:
    """The adapter of an installation; None where no address is set, InvalidInput where it cannot be used."""
    if settings.gateway_webhook_url is None:
        return None
    check_address(
        settings.gateway_webhook_url,
        "STORMWATCH_GATEWAY_WEBHOOK_URL",
        carried="decisions",
        plain_http=settings.gateway_plain_http,
    )
    check_secrets(settings.gateway_webhook_secrets, "STORMWATCH_GATEWAY_WEBHOOK_SECRETS", "decisions")
    return GatewayWebhook(settings.gateway_webhook_url, settings.gateway_webhook_secrets, settings.appeal_url)
