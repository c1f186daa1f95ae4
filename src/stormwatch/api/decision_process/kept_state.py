"""What the decision process keeps on disk: the snapshot, what changed since, and whose tokens it may believe."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.api.decision_process.decision_list import DecisionList
from stormwatch.api.decision_process.entry import Held
from stormwatch.api.decision_process.known_tokens import KnownToken
from stormwatch.api.decision_process.snapshot import Snapshot
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.storage.durability import make_directory, sync_directory

_SNAPSHOT: Final = "decisions.snapshot"
_SINCE: Final = "since.json"


class Since(msgspec.Struct, frozen=True):
    """What the snapshot does not hold: changes after it, tokens of scope `decide`, when the database was last read."""

    snapshot_id: str
    sequence: int
    read_us: int
    changed: dict[str, tuple[Held, ...]]
    tokens: tuple[KnownToken, ...]


class KeptState:
    """The folder of one decision process. Every file in it is replaced whole, after it has reached the disk."""

    def __init__(self, folder: Path) -> None:
        make_directory(folder)
        self._lock = _alone_in(folder)
        self.snapshot_file: Final = folder / _SNAPSHOT
        self._since_file = folder / _SINCE

    def forget(self) -> None:
        """Removes what is kept."""
        self.snapshot_file.unlink(missing_ok=True)
        self._since_file.unlink(missing_ok=True)

    def load(self) -> tuple[DecisionList, Since] | None:
        """The last good state; None when there is none yet. InvalidInput when a file is damaged."""
        if not self.snapshot_file.exists():
            return None
        decided = DecisionList(Snapshot(self.snapshot_file))
        try:
            since = msgspec.json.decode(self._since_file.read_bytes(), type=Since)
        except FileNotFoundError:
            return None  # the very first snapshot, without anybody who might ask for it
        except msgspec.DecodeError as error:
            raise InvalidInput(
                f"what changed since the snapshot cannot be read: {error}",
                where=str(self._since_file),
                remedy="remove it and the snapshot beside it; they are made anew",
            ) from error
        seal = decided.snapshot.seal
        if since.snapshot_id == seal.snapshot_id:
            return decided.after(since.changed, since.sequence), since
        # The process ended between the two files: the snapshot is the newer one, and the tokens are as good as before.
        return decided, Since(seal.snapshot_id, seal.sequence, seal.read_us, {}, since.tokens)

    def save(self, decided: DecisionList, tokens: tuple[KnownToken, ...], read_us: int) -> None:
        """Keeps all but the snapshot, which lies there already."""
        overlay = decided.overlay
        since = Since(decided.snapshot.seal.snapshot_id, overlay.sequence, read_us, dict(overlay.changed), tokens)
        draft = self._since_file.with_name(f"{_SINCE}.{secrets.token_hex(4)}.new")
        try:
            with draft.open("xb") as out:
                draft.chmod(0o600)
                out.write(msgspec.json.encode(since))
                out.flush()
                os.fsync(out.fileno())
            draft.replace(self._since_file)
            sync_directory(self._since_file.parent)
        finally:
            draft.unlink(missing_ok=True)


def _alone_in(folder: Path) -> int:
    """A lock that lasts as long as this process: two that write the same files would undo each other's."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Conflict(
            "another decision process keeps its state there", where=str(folder), remedy="name another with --state"
        ) from error
    return handle
