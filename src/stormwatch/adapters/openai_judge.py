"""The judge's port over any OpenAI-compatible endpoint: on this machine unless allowed, bounded in time and size."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from stormwatch.adapters.addresses import is_loopback
from stormwatch.config import Settings
from stormwatch.detections.judge.judge import JudgeUnavailable, Question, Reply
from stormwatch.model.errors import InvalidInput

_MOST_BYTES: Final = 256 * 1024
_REMEDY: Final = "set it to an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1"


class OpenAIJudge:
    """Asks `POST {url}/chat/completions`. Follows no redirect, uses no proxy, reads no compressed body."""

    def __init__(self, url: str, model: str, *, token: str | None = None, timeout_seconds: float = 20.0) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._token = token
        self._timeout = timeout_seconds
        self._tls: ssl.SSLContext | bool = ssl.create_default_context() if url.startswith("https:") else False

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    def ask(self, question: Question) -> Reply:
        """One request; JudgeUnavailable when no chat completion came back in time."""
        try:
            return asyncio.run(self._ask(question))
        except TimeoutError as error:
            raise self._unavailable(f"gave no answer within {self._timeout:g} s") from error
        except httpx.HTTPError as error:
            raise self._unavailable(f"could not be asked ({type(error).__name__}: {error})") from error

    async def _ask(self, question: Question) -> Reply:
        headers = {"Accept-Encoding": "identity"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        # httpx bounds each wait on the socket; a server that drips is bounded by the time for the whole.
        async with (
            asyncio.timeout(self._timeout),
            httpx.AsyncClient(timeout=self._timeout, trust_env=False, verify=self._tls) as client,
            client.stream("POST", self._url, json=self._body(question), headers=headers) as response,
        ):
            self._check(response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise self._unavailable(f"sent more than {_MOST_BYTES} bytes")
        return self._reply(bytes(body))

    def _body(self, question: Question) -> dict[str, Any]:
        schema = {"name": "verdict", "strict": True, "schema": dict(question.schema)}
        return {
            "model": self._model,
            "messages": [{"role": role, "content": text} for role, text in question.messages],
            "temperature": 0,
            "max_tokens": question.most_tokens,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

    def _check(self, response: httpx.Response) -> None:
        if response.is_redirect:
            raise self._unavailable("redirects elsewhere, which is not followed")
        if response.status_code != httpx.codes.OK:
            raise self._unavailable(f"answered {response.status_code}", retry_after=_seconds(response))
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self._unavailable("sent a compressed body that was not asked for")

    def _reply(self, body: bytes) -> Reply:
        try:
            answer = json.loads(body)
            text = answer["choices"][0]["message"]["content"]
            usage = answer.get("usage") or {}
            tokens = usage.get("total_tokens", 0)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise self._unavailable("sent something that is no chat completion") from error
        counted = tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0 else 0
        return Reply(text if isinstance(text, str) else "", counted)

    def _unavailable(self, what: str, *, retry_after: float | None = None) -> JudgeUnavailable:
        return JudgeUnavailable(f"the judge {what}", where=self._url, retry_after_seconds=retry_after)


def openai_judge(settings: Settings) -> OpenAIJudge | None:
    """The judge of an installation, None where none is set; InvalidInput when it may not or cannot be asked."""
    if settings.judge_url is None:
        return None
    parts = urlsplit(settings.judge_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("this is no address of a model", where="STORMWATCH_JUDGE_URL", remedy=_REMEDY)
    if not settings.judge_model:
        raise InvalidInput(
            "a judge needs the name of a model", where="STORMWATCH_JUDGE_MODEL", remedy="name it, or unset judge_url"
        )
    if not (settings.judge_allow_remote or is_loopback(parts.hostname)):
        raise InvalidInput(
            f"the judge at {parts.hostname} is not on this machine, and users' texts would leave it",
            where="STORMWATCH_JUDGE_URL",
            remedy="use an address of this machine, or set judge_allow_remote if you have decided that it may be so",
        )
    return OpenAIJudge(
        settings.judge_url,
        settings.judge_model,
        token=settings.judge_token,
        timeout_seconds=settings.judge_timeout_seconds,
    )


def _seconds(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
