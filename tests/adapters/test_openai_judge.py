"""The judge's adapter against a server that misbehaves: it ends in time, believes nothing, and goes nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from misbehaving_model import Handler, model_server, saying
from stormwatch.adapters.openai_judge import OpenAIJudge, openai_judge
from stormwatch.config import load_settings
from stormwatch.detections.judge.judge import JudgeUnavailable, Question
from stormwatch.model.errors import InvalidInput

QUESTION = Question((("system", "judge"), ("user", "a text")), {"type": "object"}, 50)


def _judge(url: str, timeout: float = 20.0) -> OpenAIJudge:
    return OpenAIJudge(url, "small-model", token="secret-token", timeout_seconds=timeout)


def test_a_question_carries_model_schema_and_token_and_the_answer_comes_back_with_its_cost() -> None:
    with model_server(saying('{"verdict": "ordinary"}')) as server:
        reply = _judge(server.url).ask(QUESTION)
    assert (reply.text, reply.tokens) == ('{"verdict": "ordinary"}', 100)
    (request,) = server.asked
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("small-model", 50, 0)
    assert request["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert request["messages"][1] == {"role": "user", "content": "a text"}
    assert server.headers[0]["Authorization"] == "Bearer secret-token"
    assert server.headers[0]["Accept-Encoding"] == "identity"


def _hang(handler: Handler, _request: dict[str, Any]) -> None:
    handler.model.ended.wait(60)


def _drip(handler: Handler, _request: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.model.ended.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def _endless(handler: Handler, _request: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.model.ended.is_set():
        handler.wfile.write(b"x" * 65536)


def _bomb(handler: Handler, _request: dict[str, Any]) -> None:
    handler.send(b"\x1f\x8b not asked for", Content_Encoding="gzip")


def _status(status: int) -> Callable[[Handler, dict[str, Any]], None]:
    return lambda handler, _request: handler.send(b"{}", status)


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (_hang, "no answer within"),
        (_drip, "no answer within"),
        (_endless, "more than"),
        (_bomb, "compressed"),
        (_status(500), "answered 500"),
        (_status(404), "answered 404"),
        (lambda handler, _: handler.send(b"not json"), "no chat completion"),
        (lambda handler, _: handler.send(b"[" * 100_000), "no chat completion"),
        (lambda handler, _: handler.send(b'{"choices": []}'), "no chat completion"),
        (lambda handler, _: handler.send(b'{"choices": [{"message": "hello"}]}'), "no chat completion"),
        (lambda handler, _: handler.send(b'"a string"'), "no chat completion"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(behave: Callable[[Handler, dict[str, Any]], None], said: str) -> None:
    with model_server(behave) as server, pytest.raises(JudgeUnavailable, match=said):
        _judge(server.url, timeout=1.0 if "within" in said else 20.0).ask(QUESTION)


def test_nobody_at_home_is_explained() -> None:
    with model_server(saying("")) as server:
        pass
    with pytest.raises(JudgeUnavailable, match="could not be asked"):
        _judge(server.url).ask(QUESTION)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("-3", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_too_many_requests_come_with_the_pause_that_the_server_asks_for(header: str, seconds: float | None) -> None:
    with (
        model_server(lambda handler, _: handler.send(b"{}", 429, Retry_After=header)) as server,
        pytest.raises(JudgeUnavailable, match="429") as raised,
    ):
        _judge(server.url).ask(QUESTION)
    assert raised.value.retry_after_seconds == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with model_server(saying('{"verdict": "ordinary"}')) as elsewhere:

        def send_away(handler: Handler, _request: dict[str, Any]) -> None:
            handler.send(b"", status, Location=f"{elsewhere.url}/chat/completions")

        with model_server(send_away) as server, pytest.raises(JudgeUnavailable, match="redirects"):
            _judge(server.url).ask(QUESTION)
    assert elsewhere.asked == []


@pytest.mark.parametrize("content", [None, 7, ["a"], {"verdict": "ordinary"}])
def test_content_that_is_no_text_is_an_empty_answer(content: object) -> None:
    with model_server(saying(content)) as server:
        assert _judge(server.url).ask(QUESTION).text == ""


@pytest.mark.parametrize("usage", [None, "many", {"total_tokens": True}, {"total_tokens": -5}, {"total_tokens": "9"}])
def test_a_cost_that_cannot_be_one_counts_as_not_told(usage: object) -> None:
    answer = {"choices": [{"message": {"content": "x"}}]} | ({} if usage is None else {"usage": usage})
    body = json.dumps(answer).encode()
    with model_server(lambda handler, _: handler.send(body)) as server:
        if usage == "many":
            with pytest.raises(JudgeUnavailable):
                _judge(server.url).ask(QUESTION)
        else:
            assert _judge(server.url).ask(QUESTION).tokens == 0


def _configured(home: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> OpenAIJudge | None:
    for name, value in settings.items():
        monkeypatch.setenv(f"STORMWATCH_JUDGE_{name.upper()}", value)
    return openai_judge(load_settings(home))


def test_there_is_no_judge_until_one_is_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _configured(home, monkeypatch) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "http://localhost:1/v1"])
def test_a_model_on_this_machine_may_be_asked(home: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    judge = _configured(home, monkeypatch, url=url, model="small")
    assert judge is not None
    assert judge.model == "small"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://192.0.2.1/v1", "not on this machine"),
        ("http://127.0.0.1.example.org/v1", "not on this machine"),
        ("http://localhost@192.0.2.1/v1", "not on this machine"),
        ("http://models.example.org/v1", "not on this machine"),
        ("file:///etc/passwd", "no address of a model"),
        ("127.0.0.1:8000", "no address of a model"),
    ],
)
def test_texts_do_not_leave_this_machine_unless_that_was_allowed(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        _configured(home, monkeypatch, url=url, model="small")


def test_a_remote_model_takes_a_setting_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _configured(home, monkeypatch, url="https://models.example.org/v1", model="m", allow_remote="true")


def test_a_judge_without_a_model_is_explained(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="the name of a model"):
        _configured(home, monkeypatch, url="http://127.0.0.1:8000/v1")
