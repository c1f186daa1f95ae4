"""`user` and `token` promise: exit 0, 1 with one sentence, 2 for wrong usage; tokens are shown once; --json is JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import Called, stormwatch
from people_making import PASSWORD, give_factor
from stormwatch.access.sessions import Visit
from stormwatch.model.errors import Forbidden
from stormwatch.runtime import open_runtime

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


def test_a_first_administrator_gets_a_code_and_no_default_password(run: Run, home: Path) -> None:
    made = json.loads(run("init", "--json").stdout)
    assert made["one_time_code"].startswith("swi_")
    runtime = open_runtime(home)
    with runtime.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM passwords").scalar() == 0
    for password in ("", "admin", "administrator", "stormwatch", "password", made["token"], made["one_time_code"]):
        with pytest.raises(Forbidden):
            runtime.sign_in.by_password("administrator", password, Visit("127.0.0.1"))
        with runtime.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM failed_attempts")
    assert runtime.passwords.redeem(made["one_time_code"], PASSWORD).name == "administrator"
    assert json.loads(run("init", "--json").stdout)["one_time_code"] is None
    assert runtime.access.authenticate(made["token"]), "their own token stays"
    runtime.close()


def test_a_lost_password_and_a_lost_device_are_reset(run: Run, administrator: str, home: Path) -> None:
    ann = json.loads(run("user", "add", "Ann", "--role", "analyst", "--json", token=administrator).stdout)
    runtime = open_runtime(home)
    runtime.passwords.redeem(ann["one_time_code"], PASSWORD)
    own = json.loads(run("user", "reset-password", "administrator", "--json", token=administrator).stdout)
    assert own["one_time_code"].startswith("swi_")
    reset = run("user", "reset-password", "Ann", token=administrator)
    assert "http://127.0.0.1:8787/console/welcome" in reset.stdout
    with pytest.raises(Forbidden):
        runtime.sign_in.by_password("Ann", PASSWORD, Visit("127.0.0.1"))
    token = json.loads(run("token", "create", "Ann", "--scope", "person", "--json", token=administrator).stdout)[
        "token"
    ]
    assert run("user", "reset-password", "administrator", token=token).returncode == 1
    give_factor(runtime, token)
    listed = json.loads(run("user", "list", "--json").stdout)["people"]
    assert [one["second_factor"] for one in listed] == [False, True]
    assert run("user", "reset-second-factor", "Ann", token=token).returncode == 1
    assert run("user", "reset-second-factor", "Ann", token=administrator).returncode == 0
    kinds = [entry.kind for entry in runtime.ledger.entries(subject=ann["person_id"])]
    assert {"password.reset", "second_factor.enrolled", "second_factor.reset"} <= set(kinds)
    runtime.close()


def test_a_command_asks_for_the_second_factor_where_the_console_would(run: Run, home: Path, administrator: str) -> None:
    runtime = open_runtime(home)
    ann = json.loads(run("user", "add", "Ann", "--role", "analyst", "--json", token=administrator).stdout)["token"]
    device = give_factor(runtime, ann)
    weighty = (
        ("token", "create", "Ann", "--scope", "person"),
        ("reveal", "case-1", "--event", "ev-1", "--reason", "x"),
        ("act", "approve", "proposal-1", "--evidence-hash", "x"),
        ("case", "harden", "case-1", "--output", "drafts", "--reason", "x"),
    )
    for command in weighty:
        refused = run(*command, token=ann)
        assert (refused.returncode, "STORMWATCH_CODE" in refused.stderr) == (1, True), command
    code = device.code()
    environment = {"STORMWATCH_TOKEN": ann, "STORMWATCH_CODE": code}
    assert stormwatch("--home", home, *weighty[0], environment=environment).returncode == 0
    again = stormwatch("--home", home, *weighty[0], environment=environment)
    assert (again.returncode, again.stdout) == (1, ""), "no code twice"
    assert again.stderr == "stormwatch: this is not right; check what you typed, or ask an administrator\n"
    assert code not in again.stderr
    runtime.close()
