"""Notices as files in a folder that the operator's mail system empties: one JSON object each, whole or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from stormwatch.actions.notices.ports import NoticeNotTaken
from stormwatch.storage.durability import make_directory, sync_directory


class NoticeFolder:
    """The folder; its files are for its owner alone, because a statement of reasons holds a one-time code."""

    name: Final = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, notice_id: str, body: bytes) -> None:
        """Writes `NOTICE-ID.json` durably; NoticeNotTaken when the disk does not take it.

        The name is the notice's own id, never anything that an account holder chose.
        """
        fresh = self._folder / f".{notice_id}.part"
        try:
            make_directory(self._folder)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._folder / f"{notice_id}.json")
            sync_directory(self._folder)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise NoticeNotTaken(f"the notice cannot be written: {error.strerror}", where=str(self._folder)) from error
