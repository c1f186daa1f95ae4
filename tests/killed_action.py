"""A process that forks others, each of which does a deed in a home and dies by SIGKILL at its nth step.

Reads lines of JSON (home, key, url, deed, token, die_at), writes a line for each: how the child ended and the steps it
reached. Forking spares each of the many children its start; they are processes like any other.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from http_gateway import HttpGateway
from stormwatch.actions.delivery import Effort
from stormwatch.actions.execution import list_actions
from stormwatch.actions.ports import Order
from stormwatch.actions.proposal_queue import ProposalState, list_proposals
from stormwatch.actions.proposals import approve
from stormwatch.actions.reversal import reverse
from stormwatch.actions.round import go_round
from stormwatch.model.case import DecisionState
from stormwatch.runtime import Runtime, open_runtime
from stormwatch.storage.database import Database


class Steps:
    """Counts the steps of a deed and dies at one of them."""

    def __init__(self, die_at: int) -> None:
        self._die_at = die_at
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        if self._is_last(name):
            os.kill(os.getpid(), signal.SIGKILL)

    def dies_in(self, name: str) -> bool:
        """Whether the step that begins now is the last, for one in the middle of which somebody else kills."""
        return self._is_last(name)

    def _is_last(self, name: str) -> bool:
        self.names.append(name)
        os.write(3, f"{name}\n".encode())
        return len(self.names) == self._die_at


class StumblingGateway(HttpGateway):
    """The gateway, with a step before, in the middle of and after each call."""

    def __init__(self, url: str, steps: Steps) -> None:
        super().__init__(url)
        self._steps = steps

    def apply(self, order: Order) -> None:
        self._steps.reach("before the call")
        dies = {"X-Caller-Dies": str(os.getpid())} if self._steps.dies_in("in the call") else {}
        self.call(order, **dies)
        self._steps.reach("after the call")

    def probe(self, account_id: str) -> DecisionState:
        self._steps.reach("before the probe")
        state = super().probe(account_id)
        self._steps.reach("after the probe")
        return state


def step_at_commits(steps: Steps) -> None:
    real = Database.write

    @contextmanager
    def write(self: Database) -> Iterator[Connection]:
        with real(self) as connection:
            yield connection
            steps.reach("before a commit")
        steps.reach("after a commit")

    Database.write = write  # type: ignore[method-assign]


def _approve(runtime: Runtime, token: str) -> None:
    for proposal in list_proposals(runtime.database, state=ProposalState.PENDING):
        by = runtime.access.authenticate(token)
        approve(runtime.database, runtime.ledger, runtime.lake, by, proposal.proposal_id, proposal.evidence_hash)


def _reverse(runtime: Runtime, token: str) -> None:
    standing = [action.action_id for action in list_actions(runtime.database) if action.stands]
    if standing:
        reverse(runtime.database, runtime.ledger, runtime.access.authenticate(token), standing, "a mistake")


def _nothing(_runtime: Runtime, _token: str) -> None:
    """What is due by itself is done by the round."""


DEEDS: dict[str, Callable[[Runtime, str], None]] = {"approve": _approve, "reverse": _reverse, "wait": _nothing}


def do(task: dict[str, Any]) -> None:
    os.environ["STORMWATCH_KEY_FILE"] = task["key"]
    steps = Steps(task["die_at"])
    runtime = open_runtime(Path(task["home"]))
    runtime.access.authenticate(task["token"])  # notes the hour of use, which is no step of the deed
    step_at_commits(steps)
    DEEDS[task["deed"]](runtime, task["token"])
    gateway = StumblingGateway(task["url"], steps)
    effort = Effort(all_waiting=True, wait_seconds=60)
    go_round(runtime.database, runtime.ledger, runtime.lake, [gateway], effort)
    runtime.close()


def fork(task: dict[str, Any]) -> tuple[int, int]:
    """Starts a child; gives its process id and the end of a pipe that its steps are read from."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.dup2(writing, 3)
    try:
        do(task)
    except BaseException:  # noqa: BLE001 - told on stderr, and by the exit code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        children = [fork(task) for task in json.loads(line)]
        ended = []
        for child, reading in children:
            with os.fdopen(reading) as told:
                steps = told.read().splitlines()
            ended.append({"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "steps": steps})
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
