"""Measures the readers: records per second of one core from bytes to an event as sent, mappings beside the built-in.

The records say the same in every format, about 1 kB each. Read the figures as ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from stormwatch.events.readers.choice import shipped_formats
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.mapped import MappedReader
from stormwatch.events.readers.usage_event import read_usage_event

WORDS_PER_PROMPT = 100
ROUNDS = 5


def prompts(count: int, seed: int) -> Iterator[tuple[int, str, str]]:
    """Number, prompt and answer of each made-up call."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(2000)]
    for number in range(count):
        yield number, " ".join(chance.choices(words, k=WORDS_PER_PROMPT)), " ".join(chance.choices(words, k=20))


def usage_event(number: int, asked: str, answered: str) -> dict[str, Any]:
    return {
        "event_id": f"e-{number}", "time": "2026-03-02T10:00:00.250Z", "account_id": f"a-{number % 997}",
        "source_ip": "203.0.113.9", "ip_source": "socket", "user_agent": "client/1", "operation": "chat",
        "model": "m", "input": [{"role": "user", "content": asked}],
        "output": [{"role": "assistant", "content": answered}], "input_tokens": 150, "output_tokens": 30,
        "finish_reason": "stop",
    }  # fmt: skip


def openai_pair(number: int, asked: str, answered: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": answered, "refusal": None}
    return {
        "request_id": f"e-{number}", "time": "2026-03-02T10:00:00.250Z", "account_id": f"a-{number % 997}",
        "client": {"socket_ip": "203.0.113.9"}, "user_agent": "client/1",
        "request": {"model": "m", "messages": [{"role": "user", "content": asked}], "temperature": 0.2},
        "response": {
            "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1772445600, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 150, "completion_tokens": 30, "total_tokens": 180},
        },
    }  # fmt: skip


def invocation(number: int, asked: str, answered: str) -> dict[str, Any]:
    return {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "timestamp": "2026-03-02T10:00:00Z",
        "accountId": "111122223333", "identity": {"arn": f"arn:aws:iam::111122223333:user/a-{number % 997}"},
        "region": "us-east-1", "requestId": f"e-{number}", "operation": "Converse", "modelId": "m",
        "input": {
            "inputContentType": "application/json", "inputTokenCount": 150,
            "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": asked}]}]},
        },
        "output": {
            "outputContentType": "application/json", "outputTokenCount": 30,
            "outputBodyJson": {
                "output": {"message": {"role": "assistant", "content": [{"text": answered}]}},
                "stopReason": "end_turn", "metrics": {"latencyMs": 302},
            },
        },
    }  # fmt: skip


def webhook(number: int, asked: str, answered: str) -> dict[str, Any]:
    return {
        "id": f"e-{number}", "call_type": "acompletion", "status": "success", "startTime": 1772445600.25,
        "response_time": 0.25, "model": "m", "requester_ip_address": "203.0.113.9",
        "metadata": {"user_api_key_user_id": f"a-{number % 997}", "user_api_key_hash": "h"},
        "messages": [{"role": "user", "content": asked}], "prompt_tokens": 150, "completion_tokens": 30,
        "response": {
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": answered}}]
        },
    }  # fmt: skip


def azure_rows(number: int, asked: str, answered: str) -> list[dict[str, Any]]:
    shared = {"CorrelationId": f"e-{number}", "TimeGenerated": "2026-03-02T10:00:00.25Z"}
    model = {**shared, "Type": "ApiManagementGatewayLlmLog"}
    return [
        {
            **shared, "Type": "ApiManagementGatewayLogs", "ApimSubscriptionId": f"a-{number % 997}",
            "CallerIpAddress": "203.0.113.9", "ResponseCode": 200, "BackendResponseCode": 200, "TotalTime": 812,
        },
        {**model, "SequenceNumber": 0, "ModelName": "m", "PromptTokens": 150, "CompletionTokens": 30},
        {**model, "SequenceNumber": 1, "RequestMessages": [{"role": "user", "content": asked}]},
        {**model, "SequenceNumber": 2, "ResponseMessages": [{"role": "assistant", "content": answered}]},
    ]  # fmt: skip


def mapped(name: str) -> Callable[[list[bytes]], int]:
    """Reads all lines of a mapped format; the number of events."""

    def read(lines: list[bytes]) -> int:
        reader: MappedReader[int] = MappedReader(shipped_formats().mappings[name])
        found = 0
        for number, line in enumerate(lines):
            found += len(reader.read(line, number))
        rest = reader.rest()
        assert all(outcome.event is not None for outcome in rest)
        return found + len(rest)

    return read


def each(read: Callable[[bytes], Any]) -> Callable[[list[bytes]], int]:
    def read_all(lines: list[bytes]) -> int:
        for line in lines:
            read(line)
        return len(lines)

    return read_all


def best_rate(read: Callable[[list[bytes]], int], lines: list[bytes]) -> float:
    """Events a second of CPU time, in the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        found = read(lines)
        best = max(best, found / (time.process_time() - began))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    made = list(prompts(chosen.events, chosen.seed))

    def lines(make: Callable[[int, str, str], Any]) -> list[bytes]:
        records = (make(*call) for call in made)
        flat = (row for record in records for row in (record if isinstance(record, list) else [record]))
        return [json.dumps(row, separators=(",", ":")).encode() for row in flat]

    rates = {
        "json.loads alone": best_rate(each(json.loads), lines(openai_pair)),
        "usage-event": best_rate(each(read_usage_event), lines(usage_event)),
        "litellm": best_rate(each(read_litellm), lines(webhook)),
        "openai": best_rate(mapped("openai"), lines(openai_pair)),
        "bedrock": best_rate(mapped("bedrock"), lines(invocation)),
        "azure-apim (4 rows an event)": best_rate(mapped("azure-apim"), lines(azure_rows)),
    }
    slowest = rates["usage-event"]
    print(f"{'reader':30} {'events/s':>10} {'usage-event takes':>18}")
    for name, rate in rates.items():
        print(f"{name:30} {rate:10,.0f} {rate / slowest:17.2f}x")


if __name__ == "__main__":
    main()
