"""The threads of the stream path put together: from what the store acknowledged to messages at their receivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stormwatch.config import Settings
from stormwatch.hunt.alerts.delivery import AlertReceiver, forget_receivers, send_due
from stormwatch.hunt.alerts.formats import AlertFormat, encode
from stormwatch.hunt.alerts.message import message_of
from stormwatch.hunt.alerts.raising import raise_alerts
from stormwatch.hunt.alerts.receivers import destinations
from stormwatch.hunt.alerts.sightings import Sighting
from stormwatch.hunt.background import Background
from stormwatch.hunt.watch import Watch, WatchCounts
from stormwatch.hunt.watchlist import Watchlist, WatchlistReader
from stormwatch.model.alert import Alert
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring

_READ_EVERY_SECONDS = 2.0
_SEND_EVERY_SECONDS = 1.0  # alerts of the stream wake the sender; this is for those of hunts and for second tries


class StreamPath:
    """Runs beside the server: a watch over fresh events, a reader of what is looked for, a sender to each receiver."""

    def __init__(
        self, settings: Settings, database: Database, keyring: Keyring, receivers: Sequence[AlertReceiver]
    ) -> None:
        self._settings = settings
        self._database = database
        self._reader = WatchlistReader(settings, database)
        self._watch = Watch(self._raise, queue_bytes=settings.watch_queue_bytes)
        write = alert_writer(settings, keyring)
        self._senders = [
            Background(f"alerts-{number}", _sender(database, receiver, write), _SEND_EVERY_SECONDS)
            for number, receiver in enumerate(receivers)
        ]
        self._reading = Background("watchlist", self._read, _READ_EVERY_SECONDS)

    def offer(self, payload: bytes) -> None:
        """Takes what the store acknowledged; returns at once."""
        self._watch.offer(payload)

    def counts(self) -> WatchCounts:
        """What became of fresh events so far."""
        return self._watch.counts()

    def start(self) -> None:
        """Begins to watch and to send."""
        forget_receivers(self._database, destinations(self._settings))
        self._watch.start()
        for work in (self._reading, *self._senders):
            work.start()

    def stop(self) -> None:
        """Ends after what is under way; what waits is found by the next hunt, what was not sent stays in the outbox."""
        self._reading.stop()
        self._watch.stop()
        for sender in self._senders:
            sender.stop()

    def _read(self) -> None:
        self._watch.use(self._reader.read())

    def _raise(self, watchlist: Watchlist, sightings: Sequence[Sighting]) -> int:
        receivers = destinations(self._settings)
        raised = raise_alerts(self._database, sightings, watchlist.causes.policy, receivers, now_us())
        for sender in self._senders:
            sender.wake()
        return raised


def alert_writer(settings: Settings, keyring: Keyring) -> Callable[[Alert], bytes]:
    """What turns an alert into the bytes that receivers of this installation read."""
    form = AlertFormat(settings.alert_format)
    return lambda alert: encode(message_of(alert, keyring), form)


def _sender(database: Database, receiver: AlertReceiver, write: Callable[[Alert], bytes]) -> Callable[[], None]:
    def send() -> None:
        send_due(database, receiver, write)

    return send
