"""Calls of gateways' own interfaces over HTTP: one address, one token, small answers, every failure in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

import stormwatch
from stormwatch.actions.ports import DeliveryFailed

_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_MOST_BYTES: Final = 8 * 1024 * 1024


class GatewayHttp:
    """A gateway's interface. A token goes along: no redirect is followed and none of the environment's proxies used."""

    def __init__(self, name: str, url: str, headers: Mapping[str, str]) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": f"stormwatch/{stormwatch.__version__}", **headers},
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        missing: bool = False,
    ) -> bytes | None:
        """The answer's body after a 2xx status; None after 404 where `missing` allows it; else DeliveryFailed."""
        request = self._client.build_request(method, self._url + path, params=params, content=body, headers=headers)
        try:
            response = self._client.send(request, stream=True)
            try:
                content = _read(response)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise DeliveryFailed(f"{self._name} gave no answer: {type(error).__name__}", where=self._url) from error
        if response.is_success:
            if content is None:
                raise DeliveryFailed(f"{self._name} gave an answer without an end", where=self._url)
            return content
        if response.status_code == httpx.codes.NOT_FOUND and missing:
            return None
        raise DeliveryFailed(f"{self._name} answered {response.status_code} to {method} {path}", where=self._url)

    def unreadable(self, error: Exception) -> DeliveryFailed:
        """An answer that is not what this interface answers."""
        said = str(error).partition("\n")[0]
        return DeliveryFailed(f"{self._name} answered something that cannot be read: {said}", where=self._url)

    def close(self) -> None:
        """Closes idle connections."""
        self._client.close()


def _read(response: httpx.Response) -> bytes | None:
    """The body; None when it is longer than any answer should be."""
    read = bytearray()
    for piece in response.iter_bytes():
        read += piece
        if len(read) > _MOST_BYTES:
            return None
    return bytes(read)
