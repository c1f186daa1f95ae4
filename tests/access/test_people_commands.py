"""`user` and `token` promise: exit 0, 1 with one sentence, 2 for wrong usage; tokens are shown once; --json is JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import Called, stormwatch

Run = Callable[..., Called]


@pytest.fixture
def run(home: Path) -> Run:
    """Runs the command on a home; `token` is who acts."""

    def call(*arguments: str, token: str = "") -> Called:
        return stormwatch("--home", home, *arguments, environment={"STORMWATCH_TOKEN": token})

    return call


@pytest.fixture
def administrator(run: Run) -> str:
    return str(json.loads(run("init", "--json").stdout)["token"])


def test_from_the_first_administrator_to_people_and_machines(run: Run, administrator: str) -> None:
    assert json.loads(run("init", "--json").stdout)["token"] is None, "the first token is shown once"

    ann = json.loads(run("user", "add", "Ann", "--role", "analyst", "--json", token=administrator).stdout)
    assert (ann["name"], ann["role"], ann["active"]) == ("Ann", "analyst", True)
    added = run("user", "add", "Eve", "--role", "approver", token=ann["token"])
    assert added.returncode == 1
    assert added.stderr == (
        "stormwatch: this needs the role administrator, and Ann is analyst; ask somebody whose role is administrator\n"
    )

    machine = ("token", "create", "gateway-1", "--scope", "ingest", "--scope", "decide", "--expires", "30", "--json")
    made = json.loads(run(*machine, token=administrator).stdout)
    assert made["scopes"] == ["decide", "ingest"]
    assert made["expires_time"].endswith("Z")
    refused = run("user", "role", "Ann", "--role", "approver", token=made["token"])
    assert (refused.returncode, "machine's token" in refused.stderr) == (1, True)

    assert run("user", "role", "Ann", "--role", "approver", token=administrator).returncode == 0
    people = json.loads(run("user", "list", "--json").stdout)["people"]
    assert [(person["name"], person["role"]) for person in people] == [
        ("administrator", "administrator"),
        ("Ann", "approver"),
    ]
    assert [held["role"] for held in people[1]["roles_held"]] == ["analyst", "approver"]

    listed = run("token", "list", "--json").stdout
    assert made["token"] not in listed
    gateway = next(token for token in json.loads(listed)["tokens"] if token["name"] == "gateway-1")
    assert gateway["state"] == "valid"
    assert run("token", "revoke", gateway["token_id"], token=administrator).returncode == 0
    assert "gateway-1  decide ingest  revoked" in run("token", "list").stdout

    assert run("user", "disable", "Ann", token=administrator).returncode == 0
    assert "disabled" in run("user", "list").stdout
    assert run("audit", "verify").returncode == 0


def test_acting_without_a_token_is_explained(run: Run, administrator: str) -> None:
    refused = run("user", "add", "Ann", "--role", "analyst")
    assert refused.returncode == 1
    assert "STORMWATCH_TOKEN" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add", "Ann"),
        ("user", "add", "Ann", "--role", "emperor"),
        ("token", "create", "gateway"),
        ("token", "create", "gateway", "--scope", "everything"),
        ("token", "create", "gateway", "--scope", "ingest", "--expires", "0"),
        ("audit", "verify", "--unknown"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 2
