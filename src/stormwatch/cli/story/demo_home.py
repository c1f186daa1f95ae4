"""A home for the demo alone: made fresh each time, never in the place of a real one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stormwatch.config import SETTINGS_FILE
from stormwatch.model.errors import InvalidInput
from stormwatch.runtime import Runtime, create_home

MARKER: Final = ".stormwatch-demo"
PROVIDER: Final = "Example Models (made up)"
_TOKENS: Final = "tokens.txt"
# Settings that would lead the demo to stores of a real installation.
_LEADS_ELSEWHERE: Final = ("STORMWATCH_DATABASE_URL", "STORMWATCH_DECISION_URL")


def fresh_home(home: Path) -> Runtime:
    """An empty demo home, in place of an earlier one; InvalidInput when the place holds anything but a demo."""
    for variable in _LEADS_ELSEWHERE:
        if os.environ.get(variable):
            raise InvalidInput("the demo would work on a real installation", where=variable, remedy="unset it")
    if home.is_symlink() or (home.exists() and not home.is_dir()):
        raise InvalidInput("the demo needs a folder of its own", where=str(home), remedy="name another with --home")
    if home.is_dir() and any(home.iterdir()):
        if not (home / MARKER).is_file():
            raise InvalidInput(
                "this is no demo home and is left alone", where=str(home), remedy="name another with --home"
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / MARKER).write_text("A demo of Stormwatch. Everything in here is made up and may be deleted.\n")
    (home / SETTINGS_FILE).write_text(f'provider_name = "{PROVIDER}"\n')
    return create_home(home)


def keep_tokens(home: Path, tokens: Mapping[str, str]) -> Path:
    """Writes the personal tokens where the owner of the home alone can read them; gives the file's path."""
    path = home / _TOKENS
    text = "".join(f"{name:14} {token}\n" for name, token in tokens.items())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    return path
