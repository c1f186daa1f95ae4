"""Alerts to a receiver as signed webhooks after Standard Webhooks; the answer's body and its redirects are ignored."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook

import stormwatch
from stormwatch.config import Settings
from stormwatch.hunt.alerts.delivery import NotTaken
from stormwatch.hunt.alerts.receivers import destination_of
from stormwatch.model.errors import InvalidInput

_PREFIX: Final = "whsec_"
_FEWEST_BYTES: Final = 24
_MOST_BYTES: Final = 64
_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_GONE: Final = 410
_IDLE_CONNECTIONS: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class AlertWebhook:
    """One receiver. Every secret signs, so that a receiver verifies with the old or with the new one."""

    def __init__(self, url: str, secrets: Sequence[str], trusted: ssl.SSLContext | None = None) -> None:
        self.destination: Final = destination_of(url)
        self._url = url
        self._place = urlsplit(url).hostname or url
        self._signers = [Webhook(secret) for secret in secrets]
        # Neither proxies nor certificates from the environment: where alerts go is the operator's setting alone.
        self._client = httpx.Client(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=False, limits=_IDLE_CONNECTIONS, verify=trusted or True
        )

    def send(self, message_id: str, body: bytes) -> None:
        """Hands over one message; NotTaken unless a 2xx status came within the time-out."""
        request = self._client.build_request("POST", self._url, content=body, headers=self._headers(message_id, body))
        try:
            response = self._client.send(request, stream=True)
            response.close()  # unread: what a receiver says back is of no use, and may be endless
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotTaken(f"{self._place} gave no answer: {type(error).__name__}", silent=True) from error
        if response.is_success:
            return
        raise NotTaken(f"{self._place} answered {response.status_code}", gone=response.status_code == _GONE)

    def close(self) -> None:
        """Closes idle connections."""
        self._client.close()

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        moment = datetime.now(UTC)
        signatures = [signer.sign(message_id, moment, body.decode()) for signer in self._signers]
        return {
            "content-type": "application/json",
            "user-agent": f"stormwatch/{stormwatch.__version__}",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def alert_webhooks(settings: Settings) -> tuple[AlertWebhook, ...]:
    """The receivers of an installation; InvalidInput when an address or a secret cannot be used."""
    return tuple(signed_webhook(settings, url, "STORMWATCH_ALERT_URLS") for url in dict.fromkeys(settings.alert_urls))


def signed_webhook(settings: Settings, url: str, setting: str) -> AlertWebhook:
    """One receiver, signed for with the installation's secrets; InvalidInput names the setting that cannot be used."""
    if not settings.alert_secrets:
        raise InvalidInput(
            "webhooks are sent signed, and there is no secret",
            where="STORMWATCH_ALERT_SECRETS",
            remedy='set one, such as `["whsec_…"]` over 32 random bytes in base 64',
        )
    for number, secret in enumerate(settings.alert_secrets, start=1):
        _check_secret(secret, number)
    _check_url(url, setting, plain_http=settings.alert_plain_http)
    return AlertWebhook(url, settings.alert_secrets, _trusted(settings.alert_ca_file))


def _trusted(file: Path | None) -> ssl.SSLContext | None:
    try:
        return None if file is None else ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl's own errors are among them
        raise InvalidInput(
            f"the certificates for receivers cannot be read: {error}", where=str(file), remedy="name a PEM file"
        ) from error


def _check_secret(secret: str, number: int) -> None:
    try:
        size = len(base64.b64decode(secret.removeprefix(_PREFIX) + "==", validate=False))
    except (binascii.Error, ValueError):
        size = 0
    if not _FEWEST_BYTES <= size <= _MOST_BYTES:
        raise InvalidInput(
            f"secret {number} for alerts is none of {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base 64",
            where="STORMWATCH_ALERT_SECRETS",
            remedy="write whsec_ and random bytes in base 64",
        )


def _check_url(url: str, setting: str, *, plain_http: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise InvalidInput("this is no address that webhooks can be sent to", where=setting, remedy="write https://…")
    if parts.scheme == "http" and not plain_http and not _is_loopback(host):
        raise InvalidInput(
            f"webhooks would leave this machine unencrypted, to {host}",
            where=setting,
            remedy="write https://…, or set STORMWATCH_ALERT_PLAIN_HTTP=true where the network is yours",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
