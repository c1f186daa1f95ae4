"""Bodies into the headers that sign them, after Standard Webhooks; and secrets that cannot sign into an error."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

from stormwatch.model.errors import InvalidInput

_PREFIX: Final = "whsec_"
_FEWEST_BYTES: Final = 24
_MOST_BYTES: Final = 64


class WebhookSigner:
    """Every secret signs, so that a receiver verifies with the old or with the new one."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signers = [Webhook(secret) for secret in secrets]

    def headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """The message's id, the present and the signatures over both and the body."""
        moment = datetime.now(UTC)
        signatures = [signer.sign(message_id, moment, body.decode()) for signer in self._signers]
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def check_secrets(secrets: Sequence[str], setting: str, purpose: str) -> None:
    """InvalidInput unless there is a secret, and each can sign. `purpose` says what for: `alerts`."""
    if not secrets:
        raise InvalidInput(
            f"{purpose} are sent signed, and there is no secret",
            where=setting,
            remedy='set one, such as `["whsec_…"]` over 32 random bytes in base 64',
        )
    for number, secret in enumerate(secrets, start=1):
        try:
            size = len(base64.b64decode(secret.removeprefix(_PREFIX) + "==", validate=False))
        except (binascii.Error, ValueError):
            size = 0
        if not _FEWEST_BYTES <= size <= _MOST_BYTES:
            raise InvalidInput(
                f"secret {number} for {purpose} is none of {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base 64",
                where=setting,
                remedy="write whsec_ and random bytes in base 64",
            )
