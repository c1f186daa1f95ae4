"""`stormwatch share`: hands a case to peers as a STIX bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stormwatch.attribution.alias_conflicts import public_conflicts
from stormwatch.attribution.profiles import load_profiles
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.config import shipped
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.model.times import now_us
from stormwatch.sharing.bundle import BundleTerms
from stormwatch.sharing.gathering import gather
from stormwatch.sharing.outward import share_case
from stormwatch.sharing.pseudonyms import PUBLIC, Pseudonyms

share = typer.Typer(help="Exchange with others.", no_args_is_help=True, rich_markup_mode=None)


@share.callback()
def group() -> None:
    """Keeps `bundle` a command of its own while it is the only one."""


@share.command("bundle")
def bundle(
    ctx: typer.Context,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")],
    output: Annotated[Path, typer.Option("--output", help="Where the bundle is written.")],
    tlp: Annotated[TLP, typer.Option(help="The bundle's level; what stricter sources said is left out.")] = TLP.AMBER,
    peer: Annotated[str, typer.Option(help="For whom: pseudonyms differ from peer to peer.")] = PUBLIC,
    as_json: JsonOption = False,
) -> None:
    """Write a STIX 2.1 bundle of a case. Needs a personal token and an approved action; goes on the ledger."""
    runtime = runtime_of(ctx)
    person = person_of(runtime)
    if output.is_dir() or not output.parent.is_dir():
        raise InvalidInput("the bundle cannot be written there", where=str(output), remedy="name a file in a folder")
    profiles = load_profiles((shipped("profiles"), *runtime.settings.profiles))
    names = {profile.actor_id: tuple(dict.fromkeys(one.name for one in profile.names)) for profile in profiles}
    material = gather(runtime.database, runtime.lake, case, names, public_conflicts(profiles))
    terms = BundleTerms(runtime.settings.provider_name, tlp, Pseudonyms(runtime.keyring, peer), now_us())
    shared = share_case(runtime.database, runtime.ledger, person, material, terms)
    try:
        output.write_bytes(shared.text)
    except OSError as error:
        raise InvalidInput(f"the bundle cannot be written: {error.strerror}", where=str(output)) from error
    counts = {kind: shared.shared.count(kind) for kind in ("indicator", "user-account", "intrusion-set")}
    payload = {
        "file": str(output),
        "bundle": shared.shared.bundle["id"],
        "sha256": shared.digest,
        "objects": len(shared.shared.bundle["objects"]),
        "tlp": tlp.value,
        "indicators": counts["indicator"],
        "accounts": counts["user-account"],
        "withheld": dict(shared.shared.withheld),
    }
    lines = [
        f"{output}: {payload['objects']} objects, {counts['indicator']} indicators, "
        f"{counts['user-account']} accounts under pseudonyms, TLP:{tlp.value.upper()}.",
        *(f"  left out {count}: {reason}" for reason, count in shared.shared.withheld.most_common()),
    ]
    emit(payload, lines_of(lines), as_json=as_json)
