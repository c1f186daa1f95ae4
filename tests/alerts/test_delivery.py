"""Messages reach a real receiver signed, at least once under one id, and survive receivers that misbehave."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from alert_receiver import OTHER_SECRET, SECRET, Behaviour, Receiver, answer, endless, hang, receiving, reset
from sighting_making import MOMENT, sighting
from stormwatch.adapters import alert_webhook
from stormwatch.adapters.alert_webhook import AlertWebhook, alert_webhooks
from stormwatch.config import Settings
from stormwatch.hunt.alerts import delivery
from stormwatch.hunt.alerts.delivery import MOST_ATTEMPTS, forget_receivers, pause_after, send_again, send_due
from stormwatch.hunt.alerts.log import deliveries_of, list_alerts
from stormwatch.hunt.alerts.policy import load_policy
from stormwatch.hunt.alerts.raising import raise_alerts
from stormwatch.hunt.stream_path import alert_writer
from stormwatch.model.alert import Delivery, DeliveryState
from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import HOUR, SECOND
from stormwatch.runtime import Runtime


class Outbox:
    """Alerts of an installation on their way to a receiver; pauses between tries are skipped."""

    def __init__(self, runtime: Runtime, receiver: Receiver) -> None:
        self.runtime = runtime
        self.receiver = receiver
        self.webhook = AlertWebhook(receiver.url, [SECRET])
        self.write = alert_writer(runtime.settings, runtime.keyring)

    def raise_(self, count: int = 1) -> None:
        found = [sighting(number) for number in range(count)]
        raise_alerts(self.runtime.database, found, load_policy(), [self.webhook.destination], MOMENT)

    def send(self) -> None:
        send_due(self.runtime.database, self.webhook, self.write)

    def deliveries(self) -> list[Delivery]:
        alert_ids = [alert.alert_id for alert in list_alerts(self.runtime.database)]
        return [one for each in deliveries_of(self.runtime.database, alert_ids).values() for one in each]


@pytest.fixture
def outbox(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    monkeypatch.setattr(delivery, "pause_after", lambda attempts: 0)
    monkeypatch.setattr(alert_webhook, "_TIMEOUT", 0.5)
    with receiving() as receiver:
        made = Outbox(runtime, receiver)
        yield made
        made.webhook.close()


def test_a_message_verifies_and_no_changed_one_does(outbox: Outbox) -> None:
    outbox.raise_()
    outbox.send()
    (came,) = outbox.receiver.received
    assert came.verified()["type"] == "alert.raised"
    assert came.message_id == list_alerts(outbox.runtime.database)[0].alert_id
    for body, headers in (
        (came.body.replace(b"high", b"info"), came.headers),
        (came.body, came.headers | {"webhook-id": "alert-other"}),
        (came.body, came.headers | {"webhook-timestamp": str(int(came.headers["webhook-timestamp"]) - 3600)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        came.verified(OTHER_SECRET)


def test_while_a_secret_is_replaced_both_verify(outbox: Outbox) -> None:
    outbox.webhook = AlertWebhook(outbox.receiver.url, [OTHER_SECRET, SECRET])
    outbox.raise_()
    outbox.send()
    (came,) = outbox.receiver.received
    assert came.verified(SECRET) == came.verified(OTHER_SECRET)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer(500), id="fails"),
        pytest.param(answer(429), id="is busy"),
        pytest.param(answer(302, location="http://127.0.0.1:9/elsewhere"), id="redirects"),
        pytest.param(reset, id="resets"),
    ],
)
def test_what_was_not_taken_comes_again_under_the_same_id(outbox: Outbox, behaviour: Behaviour) -> None:
    outbox.receiver.behaviours = [behaviour, behaviour]
    outbox.raise_()
    for _ in range(3):
        outbox.send()
    assert len({came.message_id for came in outbox.receiver.received}) == 1
    assert len(outbox.receiver.received) == 3
    (message,) = outbox.deliveries()
    assert (message.state, message.attempts, message.last_error) == (DeliveryState.DELIVERED, 3, None)


def test_a_receiver_that_hangs_costs_one_time_out_and_not_one_for_each_message(outbox: Outbox) -> None:
    released = threading.Event()
    outbox.webhook._client.timeout = 0.3  # type: ignore[assignment]
    outbox.receiver.behaviours = [hang(released)]
    outbox.raise_(20)
    outbox.send()
    released.set()
    states = [message.state for message in outbox.deliveries()]
    assert states == [DeliveryState.DELIVERED] * 20
    assert len(outbox.receiver.received) == 21


def test_an_endless_answer_is_not_read(outbox: Outbox) -> None:
    outbox.receiver.behaviours = [endless]
    outbox.raise_(2)
    outbox.send()
    assert [message.state for message in outbox.deliveries()] == [DeliveryState.DELIVERED] * 2


def test_gone_ends_the_tries_at_once_and_a_person_can_send_again(outbox: Outbox) -> None:
    outbox.receiver.behaviours = [answer(410)]
    outbox.raise_()
    outbox.send()
    outbox.send()
    (message,) = outbox.deliveries()
    assert (message.state, message.attempts) == (DeliveryState.DEAD, 1)
    assert "410" in str(message.last_error)
    assert "secret" not in str(message.last_error)
    send_again(outbox.runtime.database, [message.alert_id], [outbox.webhook.destination])
    outbox.send()
    assert outbox.deliveries()[0].state is DeliveryState.DELIVERED


def test_a_receiver_that_never_takes_gets_a_dead_letter_in_the_end(outbox: Outbox) -> None:
    outbox.receiver.behaviours = [answer(500)] * (MOST_ATTEMPTS + 5)
    outbox.raise_()
    for _ in range(MOST_ATTEMPTS + 3):
        outbox.send()
    (message,) = outbox.deliveries()
    assert (message.state, message.attempts) == (DeliveryState.DEAD, MOST_ATTEMPTS)


def test_two_senders_at_once_do_not_send_the_same_message_twice(outbox: Outbox) -> None:
    outbox.raise_(60)
    senders = [threading.Thread(target=outbox.send) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(outbox.receiver.received) == len(outbox.receiver.messages()) == 60


def test_messages_to_a_receiver_that_is_configured_no_more_are_given_up(outbox: Outbox) -> None:
    outbox.raise_(3)
    assert forget_receivers(outbox.runtime.database, ["receiver-other"]) == 3
    assert {message.state for message in outbox.deliveries()} == {DeliveryState.DEAD}


def test_pauses_double_with_jitter_up_to_six_hours() -> None:
    for attempts in range(1, MOST_ATTEMPTS):
        longest = min(5 * SECOND * 2 ** (attempts - 1), 6 * HOUR)
        assert all(longest // 2 <= pause_after(attempts) <= longest for _ in range(20))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"alert_urls": ("http://siem.example.org/in",)}, "unencrypted"),
        ({"alert_urls": ("ftp://siem.example.org/in",)}, "no address"),
        ({"alert_urls": ("https://[broken",)}, "no address"),
        ({"alert_secrets": ()}, "no secret"),
        ({"alert_secrets": ("whsec_c2hvcnQ=",)}, "24 to 64 bytes"),
        ({"alert_secrets": ("whsec_" + base64.b64encode(b"x" * 65).decode(),)}, "24 to 64 bytes"),
    ],
)
def test_what_must_not_be_sent_is_refused_before_anything_starts(
    settings: Settings, more: dict[str, tuple[str, ...]], told: str
) -> None:
    known = {"alert_urls": ("https://siem.example.org/in",), "alert_secrets": (SECRET,)}
    with pytest.raises(InvalidInput, match=told) as caught:
        alert_webhooks(settings.model_copy(update=known | more))
    assert SECRET not in str(caught.value)


def test_certificates_that_cannot_be_read_are_named(settings: Settings, tmp_path: Path) -> None:
    known = {"alert_secrets": (SECRET,), "alert_urls": ("https://siem.example.org/in",)}
    for content in (None, "no certificate"):
        file = tmp_path / "authorities.pem"
        if content is not None:
            file.write_text(content, encoding="utf-8")
        with pytest.raises(InvalidInput, match="certificates") as caught:
            alert_webhooks(settings.model_copy(update=known | {"alert_ca_file": file}))
        assert str(file) in str(caught.value)


def test_plain_http_is_for_loopback_or_for_whoever_says_so(settings: Settings) -> None:
    known = {"alert_secrets": (SECRET,), "alert_urls": ("http://127.0.0.1:9/a", "http://[::1]:9/a")}
    assert len(alert_webhooks(settings.model_copy(update=known))) == 2
    allowed = known | {"alert_urls": ("http://siem.example.org/in",), "alert_plain_http": True}
    assert len(alert_webhooks(settings.model_copy(update=allowed))) == 1
