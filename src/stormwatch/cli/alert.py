"""`stormwatch alert`: what was raised, how far its messages got, and records of it for a SIEM that reads files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stormwatch.adapters.alert_webhook import AlertWebhook, alert_webhooks
from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.cli.times import moment
from stormwatch.hunt.alerts.delivery import SendReport, send_again, send_due
from stormwatch.hunt.alerts.formats import AlertFormat, encode
from stormwatch.hunt.alerts.log import deliveries_of, get_alert, list_alerts
from stormwatch.hunt.alerts.message import message_of
from stormwatch.hunt.alerts.raising import raise_test
from stormwatch.hunt.alerts.receivers import destinations
from stormwatch.hunt.exports.writing import write_lines
from stormwatch.hunt.stream_path import alert_writer
from stormwatch.model.alert import Alert, Delivery, DeliveryState
from stormwatch.model.errors import InvalidInput, StormwatchError
from stormwatch.model.times import format_rfc3339, now_us, optional_rfc3339
from stormwatch.runtime import Runtime

alert = typer.Typer(help="Alerts and their messages.", no_args_is_help=True, rich_markup_mode=None)

AlertArgument = Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id.")]


class RecordFormat(StrEnum):
    """Shapes of exported records; ndjson is our own."""

    NDJSON = "ndjson"
    OCSF = "ocsf"
    ECS = "ecs"

    @property
    def form(self) -> AlertFormat:
        """The same as messages are shaped."""
        return AlertFormat.NATIVE if self is RecordFormat.NDJSON else AlertFormat(self.value)


@alert.command("list")
def show_list(
    ctx: typer.Context,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only those with such a message.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those raised from this RFC 3339 time or day on.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List alerts, the newest first."""
    runtime = runtime_of(ctx)
    found = list_alerts(runtime.database, since_us=moment(since, "--since"), state=state, limit=limit)
    deliveries = deliveries_of(runtime.database, [each.alert_id for each in found])
    lines = [_line(each, deliveries[each.alert_id]) for each in found]
    payload = {"alerts": [_payload(each, deliveries[each.alert_id]) for each in found]}
    emit(payload, lines_of(lines) or "No alerts.", as_json=as_json)


@alert.command("show")
def show(ctx: typer.Context, alert_id: AlertArgument, as_json: JsonOption = False) -> None:
    """Show one alert with the account's own id, which no message carries, and the tries of its messages."""
    runtime = runtime_of(ctx)
    found = get_alert(runtime.database, alert_id)
    deliveries = deliveries_of(runtime.database, [alert_id])[alert_id]
    payload = _payload(found, deliveries)
    lines = [f"{name}: {value}" for name, value in payload.items() if name != "messages" and value not in (None, [])]
    lines += [
        f"message to {each.destination}: {each.state.value}, {each.attempts} tries"
        + (f", last error: {each.last_error}" if each.last_error else "")
        for each in deliveries
    ]
    emit(payload, lines_of(lines), as_json=as_json)


@alert.command("send")
def send(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Send what is due now, as `serve` does all the time; for installations that only hunt."""
    runtime = runtime_of(ctx)
    report = _send(runtime, _receivers(runtime))
    _emit_report(report, as_json=as_json)


@alert.command("retry")
def retry(
    ctx: typer.Context,
    alert_id: Annotated[list[str] | None, typer.Argument(metavar="[ALERT]...", help="Alerts by id.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All alerts with a message that was given up.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send alerts again, to every receiver that is configured now, and say what became of it."""
    runtime = runtime_of(ctx)
    receivers = _receivers(runtime)
    wanted = [get_alert(runtime.database, each).alert_id for each in alert_id or ()]
    if dead:
        wanted += [each.alert_id for each in list_alerts(runtime.database, state=DeliveryState.DEAD)]
    if not wanted and not dead:
        raise InvalidInput("no alert was named", remedy="name alerts by id, or give --dead")
    send_again(runtime.database, dict.fromkeys(wanted), [each.destination for each in receivers])
    _emit_report(_send(runtime, receivers), as_json=as_json)


@alert.command("test")
def try_receivers(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Send an alert about nothing to every receiver; exit 1 when one did not take it."""
    runtime = runtime_of(ctx)
    receivers = _receivers(runtime)
    alert_id = raise_test(runtime.database, destinations(runtime.settings), now_us())
    _send(runtime, receivers)
    messages = deliveries_of(runtime.database, [alert_id])[alert_id]
    failed = [each for each in messages if each.state is not DeliveryState.DELIVERED]
    payload = {"alert_id": alert_id, "messages": [_message_payload(each) for each in messages]}
    emit(payload, f"{alert_id}: {len(messages) - len(failed)} of {len(messages)} receivers took it.", as_json=as_json)
    if failed:
        raise StormwatchError(str(failed[0].last_error), remedy="see `stormwatch alert show`")


@alert.command("export")
def export(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option(help="The file to write.")],
    form: Annotated[RecordFormat, typer.Option("--format", help="The shape of the records.")] = RecordFormat.NDJSON,
    since: Annotated[str | None, typer.Option(help="Only those raised from this RFC 3339 time or day on.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write alerts as one JSON record a line, the oldest first, for a SIEM that reads files."""
    runtime = runtime_of(ctx)
    found = list_alerts(runtime.database, since_us=moment(since, "--since"))
    records = (encode(message_of(each, runtime.keyring), form.form) for each in reversed(found))
    written = write_lines(records, output)
    emit({"alerts": written, "output": str(output)}, f"{written} alerts in {output}.", as_json=as_json)


def _receivers(runtime: Runtime) -> Sequence[AlertWebhook]:
    receivers = alert_webhooks(runtime.settings)
    if not receivers:
        raise InvalidInput(
            "there is no receiver", where="STORMWATCH_ALERT_URLS", remedy="set the address that alerts go to"
        )
    return receivers


def _send(runtime: Runtime, receivers: Sequence[AlertWebhook]) -> SendReport:
    write = alert_writer(runtime.settings, runtime.keyring)
    reports = [send_due(runtime.database, receiver, write) for receiver in receivers]
    return SendReport(sum(each.delivered for each in reports), sum(each.failed for each in reports))


def _emit_report(report: SendReport, *, as_json: bool) -> None:
    payload = {"delivered": report.delivered, "failed": report.failed}
    emit(payload, f"{report.delivered} messages delivered, {report.failed} to be tried again.", as_json=as_json)


def _line(found: Alert, deliveries: Sequence[Delivery]) -> str:
    states = sorted({each.state.value for each in deliveries}) or ["held" if found.held else "kept"]
    about = found.account_id or found.case_id or ""
    return (
        f"{found.alert_id}  {format_rfc3339(found.raised_us)}  {found.level.value:13} {'/'.join(states):9} "
        f"{found.title} ({found.seen}x{', ' + about if about else ''})"
    )


def _payload(found: Alert, deliveries: Sequence[Delivery]) -> Mapping[str, Any]:
    return {
        "alert_id": found.alert_id,
        "kind": found.kind.value,
        "level": found.level.value,
        "title": found.title,
        "innocent_explanation": found.innocent_explanation,
        "rule_id": found.cause_id,
        "rule_version": found.cause_version,
        "account_id": found.account_id,
        "event_id": found.event_id,
        "indicator_id": found.indicator_id,
        "lead_id": found.lead_id,
        "case_id": found.case_id,
        "techniques": list(found.techniques),
        "seen": found.seen,
        "held": found.held,
        "first_time": format_rfc3339(found.first_us),
        "last_time": format_rfc3339(found.last_us),
        "raised_time": format_rfc3339(found.raised_us),
        "messages": [_message_payload(each) for each in deliveries],
    }


def _message_payload(delivery: Delivery) -> Mapping[str, Any]:
    return {
        "destination": delivery.destination,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "last_error": delivery.last_error,
        "delivered_time": optional_rfc3339(delivery.delivered_us),
    }
