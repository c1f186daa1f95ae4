"""`stormwatch act deliver`, `outbox` and `requeue`: what gateways have not confirmed yet, and having it tried again."""

from __future__ import annotations

from typing import Annotated

import typer

from stormwatch.actions.delivery import Effort
from stormwatch.actions.embargo import Release
from stormwatch.actions.outbox import WaitingOrder, list_waiting, requeue, waiting_orders
from stormwatch.actions.round import Round
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, note, progress_bars
from stormwatch.model.times import format_rfc3339, now_us, optional_rfc3339, span_words
from stormwatch.runtime import Runtime


def deliver_now(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Tell the gateways what they have not confirmed yet, without waiting for the next try.

    What an embargo held until now goes out, and what has come to its end is taken off.
    """
    runtime = runtime_of(ctx)
    person_of(runtime)
    done = carry(runtime, all_waiting=True)
    given_up = len(list_waiting(runtime.database, dead=True))
    payload = {
        "verified": done.delivery.verified,
        "waiting": waiting_orders(runtime.database),
        "given_up": given_up,
        "released": len(done.release.in_force),
        "held_back": [account_id for account_id, _ in done.release.held_back],
        "ended": len(done.ended),
    }
    prose = f"Orders verified: {done.delivery.verified}; waiting: {payload['waiting']}"
    more = [f"given up: {given_up}"] if given_up else []
    more += [f"out of an embargo: {payload['released']}"] if payload["released"] else []
    more += [f"ended: {payload['ended']}"] if payload["ended"] else []
    emit(payload, "; ".join([prose, *more]) + ".", as_json=as_json)


def show_outbox(
    ctx: typer.Context,
    given_up: Annotated[bool, typer.Option("--given-up", help="Only those that wait for a person.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the orders that no gateway or not every gateway has verified, with what went wrong."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    found = list_waiting(runtime.database, dead=True if given_up else None)
    emit({"orders": [_payload(order) for order in found]}, lines_of(map(_line, found)) or "Nothing.", as_json=as_json)


def requeue_orders(
    ctx: typer.Context,
    order: Annotated[
        list[int] | None, typer.Argument(metavar="[ORDER...]", help="Numbers of orders; default: all given up.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Have orders that were given up tried again at once, as an analyst or approver."""
    runtime = runtime_of(ctx)
    found = requeue(runtime.database, runtime.ledger, person_of(runtime), order or None)
    done = carry(runtime)
    payload = {"requeued": [each.order_id for each in found], "verified": done.delivery.verified}
    emit(payload, f"Tried again: {len(found)}; verified: {done.delivery.verified}.", as_json=as_json)


def carry(runtime: Runtime, *, all_waiting: bool = False) -> Round:
    """One round with progress on stderr, and a remark on whatever did not come through."""
    effort = Effort(all_waiting=all_waiting, most_attempts=runtime.settings.delivery_attempts)
    with progress_bars() as progress:
        done = runtime.go_round(effort, progress)
    report = done.delivery
    for failure in report.failures:
        note(f"not verified, will be tried again: {failure}")
    if report.given_up:
        note(f"given up after {effort.most_attempts} attempts: {report.given_up}; see `stormwatch act outbox`")
    if report.left:
        note(f"left for later, because a gateway is away: {report.left}")
    if report.busy:
        note("another process is delivering and sees to these orders too")
    tell_held_back(done.release)
    return done


def tell_held_back(release: Release) -> None:
    """Remarks on accounts that stay back although an action on them was approved."""
    for account_id, why in release.held_back:
        note(f"held back: {account_id}: {why}")


def _line(order: WaitingOrder) -> str:
    when = "given up" if order.dead_us is not None else f"next try in {span_words(order.next_try_us - now_us())}"
    wrong = f": {order.last_error}" if order.last_error else ""
    return (
        f"{order.order_id}  {order.purpose} {order.kind.value}  {order.account_id}  "
        f"attempts {order.attempts}, {when}{wrong}"
    )


def _payload(order: WaitingOrder) -> dict[str, object]:
    return {
        "order_id": order.order_id,
        "action_id": order.action_id,
        "case_id": order.case_id,
        "account_id": order.account_id,
        "kind": order.kind.value,
        "purpose": order.purpose,
        "attempts": order.attempts,
        "created_time": format_rfc3339(order.created_us),
        "next_try_time": None if order.dead_us is not None else format_rfc3339(order.next_try_us),
        "given_up_time": optional_rfc3339(order.dead_us),
        "last_error": order.last_error,
    }
