"""From a voice to the text of one request: family, topic, template, slots, an attached text or program, manners."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from stormwatch.simulate.cast import NONE, Voice
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.programs import vocabulary
from stormwatch.simulate.texts import Library, Template, Topic, compiled, fill

_PLAIN_CHARS: Final = 64  # measured: what a request without an attachment has on average
_LONGEST: Final = 24_000
_SPREAD: Final = 0.8
_BARE_ATTACHMENT: Final = compiled("{document}")
# Families whose texts the attachments of a language's everyday family suit.
_PRIVATE: Final = frozenset({"work", "study", "trial", "reseller"})
_NEVER_ATTACHED: Final = frozenset({"trial", "evaluation", "jailbreak"})


class Speech:
    """Writes requests. `prompt_chars` is the average length aimed at."""

    def __init__(self, library: Library, dice: Dice, prompt_chars: float) -> None:
        self._library = library
        self._dice = dice
        self.attach_chance = min(0.6, 0.05 + max(0.0, prompt_chars - _PLAIN_CHARS) / 1400)
        mean = max(120.0, (prompt_chars - _PLAIN_CHARS) / self.attach_chance)
        self._lengths = list(dice.numbers.lognormal(_log_mean(mean), _SPREAD, 4096).clip(80, _LONGEST))

    def ordinary(self, voice: Voice) -> str:
        """A request from somebody's daily life or work."""
        language = voice.languages.draw(self._dice)
        return self._say(voice.diet.draw(self._dice), language, NONE, artefact_chance=0.0)

    def on_goal(self, voice: Voice) -> str:
        """A request that serves the voice's goal, with the group's targets and artefacts."""
        goal = voice.goal
        assert goal is not None
        language = goal.languages.draw(self._dice)
        family = goal.families.draw(self._dice)
        topic = self._dice.pick(self._library.of(family, language))
        own = {**goal.artefacts, **goal.narrowed.get(topic.name, NONE)}
        return self._speak(topic, own, goal.artefact_chance)

    def _say(self, family: str, language: str, own: Mapping[str, tuple[str, ...]], artefact_chance: float) -> str:
        topics = self._library.of(family, language)
        return self._speak(self._dice.pick(topics), own, artefact_chance)

    def _speak(self, topic: Topic, own: Mapping[str, tuple[str, ...]], artefact_chance: float) -> str:
        dice = self._dice
        if topic.artefact and own and dice.chance(artefact_chance):
            return fill(dice.pick(topic.artefact), topic.slots, own, dice)
        if topic.family not in _NEVER_ATTACHED and dice.chance(self.attach_chance):
            return self._with_attachment(topic, own)
        text = fill(dice.pick(topic.templates), topic.slots, own, dice)
        if topic.family in _PRIVATE or topic.family in {"everyday", "coding"}:
            text = self._mannered(text, topic.language)
        return text

    def _with_attachment(self, topic: Topic, own: Mapping[str, tuple[str, ...]]) -> str:
        template = self._attachment_template(topic)
        wanted = {slot for _, slot in template}
        length = self._dice.pick(self._lengths)
        pasted: dict[str, tuple[str, ...]] = {}
        if "code" in wanted:
            pasted["code"] = (self._paste("program", "en", length, "\n"),)
        if "document" in wanted:
            space = "" if topic.language in {"zh", "ja"} else " "
            pasted["document"] = (self._paste("document", topic.language, length, space),)
        if template is _BARE_ATTACHMENT:
            asked = fill(self._dice.pick(topic.templates), topic.slots, own, self._dice)
            return f"{asked}\n\n{pasted['document'][0]}"
        return fill(template, topic.slots, {**pasted, **own}, self._dice)

    def _attachment_template(self, topic: Topic) -> Template:
        return self._dice.pick(topic.attached) if topic.attached else _BARE_ATTACHMENT

    def _mannered(self, text: str, language: str) -> str:
        dice = self._dice
        if language == "en" and dice.chance(0.18):
            opener = dice.pick(self._library.of("opener", language)[0].templates)
            text = fill(opener, NONE, NONE, dice) + text
        if dice.chance(0.25):
            closer = dice.pick(self._library.of("closer", language)[0].templates)
            text += fill(closer, NONE, NONE, dice)
        return text

    def _paste(self, family: str, language: str, length: float, joint: str) -> str:
        """Sentences or functions of a family, as many as give about `length` characters."""
        dice = self._dice
        topic = dice.pick(self._library.of(family, language))
        own = vocabulary(dice, 3) if family == "program" else NONE
        parts: list[str] = []
        size = 0.0
        while size < length:
            part = fill(dice.pick(topic.templates), topic.slots, own, dice)
            parts.append(part)
            size += len(part) + len(joint)
        return joint.join(parts)


def _log_mean(mean: float) -> float:
    """The location of a lognormal distribution that has this mean."""
    return math.log(mean) - _SPREAD * _SPREAD / 2
