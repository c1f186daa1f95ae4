"""Alerts to a receiver as signed webhooks after Standard Webhooks; the answer's body and its redirects are ignored."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

import stormwatch
from stormwatch.adapters.addresses import check_address
from stormwatch.adapters.webhook_signing import WebhookSigner, check_secrets
from stormwatch.config import Settings
from stormwatch.hunt.alerts.delivery import NotTaken
from stormwatch.hunt.alerts.receivers import destination_of
from stormwatch.model.errors import InvalidInput

_AGENT: Final = {"user-agent": f"stormwatch/{stormwatch.__version__}"}
_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_GONE: Final = 410
_IDLE_CONNECTIONS: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class AlertWebhook:
    """One receiver. Every secret signs, so that a receiver verifies with the old or with the new one."""

    def __init__(self, url: str, secrets: Sequence[str], trusted: ssl.SSLContext | None = None) -> None:
        self.destination: Final = destination_of(url)
        self._url = url
        self._place = urlsplit(url).hostname or url
        self._signer = WebhookSigner(secrets)
        # Neither proxies nor certificates from the environment: where alerts go is the operator's setting alone.
        self._client = httpx.Client(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=False, limits=_IDLE_CONNECTIONS, verify=trusted or True
        )

    def send(self, message_id: str, body: bytes) -> None:
        """Hands over one message; NotTaken unless a 2xx status came within the time-out."""
        headers = {**_AGENT, **self._signer.headers(message_id, body)}
        request = self._client.build_request("POST", self._url, content=body, headers=headers)
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


def alert_webhooks(settings: Settings) -> tuple[AlertWebhook, ...]:
    """The receivers of an installation; InvalidInput when an address or a secret cannot be used."""
    return tuple(signed_webhook(settings, url, "STORMWATCH_ALERT_URLS") for url in dict.fromkeys(settings.alert_urls))


def signed_webhook(settings: Settings, url: str, setting: str) -> AlertWebhook:
    """One receiver, signed for with the installation's secrets; InvalidInput names the setting that cannot be used."""
    check_secrets(settings.alert_secrets, "STORMWATCH_ALERT_SECRETS", "webhooks")
    check_address(url, setting, carried="webhooks", plain_http=settings.alert_plain_http)
    return AlertWebhook(url, settings.alert_secrets, _trusted(settings.alert_ca_file))


def _trusted(file: Path | None) -> ssl.SSLContext | None:
    try:
        return None if file is None else ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl's own errors are among them
        raise InvalidInput(
            f"the certificates for receivers cannot be read: {error}", where=str(file), remedy="name a PEM file"
        ) from error
