"""Notices to the operator's own mail system as webhooks, signed as alerts are."""

from __future__ import annotations

from typing import Final

from stormwatch.actions.notices.ports import NoticeCarrier, NoticeNotTaken
from stormwatch.adapters.alert_webhook import AlertWebhook, signed_webhook
from stormwatch.adapters.notice_folder import NoticeFolder
from stormwatch.config import Settings
from stormwatch.hunt.alerts.delivery import NotTaken


class NoticeWebhook:
    """One receiver; a notice is taken when it answers 2xx."""

    name: Final = "webhook"

    def __init__(self, webhook: AlertWebhook) -> None:
        self._webhook = webhook

    def take(self, notice_id: str, body: bytes) -> None:
        """Sends one notice, its id as the message's; NoticeNotTaken says what the receiver did instead."""
        try:
            self._webhook.send(notice_id, body)
        except NotTaken as error:
            raise NoticeNotTaken(error.what) from error


def notice_carrier(settings: Settings) -> NoticeCarrier:
    """The way out of an installation: the webhook where one is set, else the folder."""
    if settings.notice_url is None:
        return NoticeFolder(settings.notice_outbox)
    return NoticeWebhook(signed_webhook(settings, settings.notice_url, "STORMWATCH_NOTICE_URL"))
