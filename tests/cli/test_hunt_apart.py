"""Hunts beside the server: they report, fail in words, survive their process and end with whoever asked for them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from event_making import event, ndjson
from stormwatch.cli.hunt_apart import HuntApart
from stormwatch.config import SETTINGS_FILE
from stormwatch.events.ingest import ingest_bytes
from stormwatch.model.errors import StormwatchError
from stormwatch.runtime import Runtime


def test_a_hunt_reports_fails_in_words_and_can_be_ended_from_outside(runtime: Runtime, tmp_path: Path) -> None:
    home = runtime.settings.home
    ingest_bytes(runtime.events, ndjson([event(1), event(2)]), collector="gateway", source="test")
    hunt = HuntApart(home)
    try:
        assert hunt().events == 2
        (home / SETTINGS_FILE).write_text(f'rules = ["{tmp_path / "nowhere"}"]', encoding="utf-8")
        with pytest.raises(StormwatchError, match="this path does not exist"):
            hunt()
        (home / SETTINGS_FILE).unlink()
        helper = hunt._helper
        assert helper is not None
        # In another session it would compete with the whole server as an equal, however nice it was.
        assert os.getsid(helper.pid) == os.getsid(0)
        assert os.getpgid(helper.pid) != os.getpgid(0)
        assert os.getpriority(os.PRIO_PROCESS, helper.pid) > os.getpriority(os.PRIO_PROCESS, 0)
        os.kill(helper.pid, signal.SIGKILL)
        helper.wait()
        ingest_bytes(runtime.events, ndjson([event(3)]), collector="gateway", source="test")
        assert hunt().events == 3  # by another process
    finally:
        hunt.stop()
    with pytest.raises(StormwatchError, match="stopping"):
        hunt()
