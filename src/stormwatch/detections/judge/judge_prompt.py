"""The versioned prompt of the model as judge: from what may be shown to a question, from a reply to a verdict."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import jsonschema
import msgspec
import yaml

from stormwatch.detections.judge.judge import Question, Reply, Verdict
from stormwatch.model.errors import InvalidInput

_FENCE_BYTES: Final = 12
_CHARACTERS_PER_TOKEN: Final = 3  # on the low side, so that a budget is not overrun where a server tells no usage
_LONGEST_ANSWER: Final = 2000


class _PromptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    most_characters: int
    most_answer_tokens: int
    system: str
    user: str
    repair: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """A prompt and the schema of its answers. `version` is the number in the file and a hash of the whole of it."""

    version: str
    most_characters: int
    most_answer_tokens: int
    system: str
    user: str
    repair: str
    schema: Mapping[str, Any]

    def question(self, shown: str, *, again: bool = False) -> Question:
        """The question about one text. Its fence is a random word of this question alone, so no text can close it."""
        fence = secrets.token_hex(_FENCE_BYTES)
        asked = self.user.replace("{fence}", fence).replace("{text}", shown)
        messages = [("system", self.system), ("user", asked)]
        if again:  # the wrong answer itself is not shown: it may be what the text wanted to have repeated
            messages.append(("user", self.repair))
        return Question(tuple(messages), self.schema, self.most_answer_tokens)

    def tokens(self, shown: str) -> int:
        """About how many tokens a question and its answer take."""
        return (len(self.system) + len(self.user) + len(shown)) // _CHARACTERS_PER_TOKEN + self.most_answer_tokens

    def verdict(self, reply: Reply) -> Verdict | None:
        """The verdict of a reply that is one JSON object of the schema; None for anything else, prose around it too."""
        if len(reply.text) > _LONGEST_ANSWER:
            return None
        try:
            answer = json.loads(reply.text)
            jsonschema.validate(answer, self.schema)
        except (ValueError, RecursionError, jsonschema.ValidationError):
            return None
        return Verdict(answer["verdict"])


def load_prompt() -> JudgePrompt:
    """The shipped prompt; InvalidInput names what does not fit."""
    file = resources.files("stormwatch.detections").joinpath("data", "judge.yaml")
    text = file.read_text(encoding="utf-8")
    try:
        read = msgspec.convert(yaml.safe_load(text), _PromptFile)
        jsonschema.Draft202012Validator.check_schema(read.schema)
    except (yaml.YAMLError, msgspec.ValidationError, jsonschema.SchemaError) as error:
        raise InvalidInput(f"the judge's prompt cannot be used: {error}", where=str(file)) from error
    parts = msgspec.structs.asdict(read)
    return JudgePrompt(**{**parts, "version": f"{read.version}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"})
