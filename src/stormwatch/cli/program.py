"""The program's first step. It imports nothing of ours: worker processes import it anew and need no command line."""

from __future__ import annotations

import importlib


def run() -> None:
    """Entry point: runs the command that was called."""
    importlib.import_module("stormwatch.cli.main").run()
