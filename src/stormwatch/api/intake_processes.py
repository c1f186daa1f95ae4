"""Telemetry taken in by processes of their own, so that reading it uses more than one core."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from fastapi import HTTPException

from stormwatch.events.otlp_intake import OtlpReport
from stormwatch.runtime import Runtime, open_runtime
from stormwatch.storage.worker_processes import spawned_pool

_WORTH_SENDING: Final = 32 * 1024  # a shorter body is read sooner than it is handed over
_RETRY_AFTER_SECONDS: Final = 1


class IntakeProcesses:
    """Takes requests in, in one of `runtime.settings.ingest_processes` processes, or here where that is 0.

    The processes start with the first request that needs them and end with this one, however that ends.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def take(self, signal: str, body: bytes, *, is_json: bool, collector: str) -> OtlpReport:
        """Takes in a request of the signal `traces` or `logs`; 503 when the process at work died."""
        if not self._runtime.settings.ingest_processes or len(body) < _WORTH_SENDING:
            return take_in(self._runtime, signal, body, is_json=is_json, collector=collector)
        pool = self._started()
        try:
            report, stored = pool.submit(_take_in_child, signal, body, is_json, collector).result()
        except BrokenProcessPool as error:
            with self._lock:
                if self._pool is pool:
                    self._pool = None
            raise HTTPException(
                503, "a process that reads telemetry died; send it again", {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            ) from error
        watcher = self._runtime.events.on_stored
        if watcher is not None:
            for payload in stored:
                watcher(payload)
        return report

    def close(self) -> None:
        """Ends the processes after what they are at."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                settings = self._runtime.settings
                self._pool = spawned_pool(settings.ingest_processes, _open_in_child, settings.home)
            return self._pool


def take_in(runtime: Runtime, signal: str, body: bytes, *, is_json: bool, collector: str) -> OtlpReport:
    """Takes in a request in this process."""
    take = runtime.otlp.logs if signal == "logs" else runtime.otlp.traces
    return take(body, is_json=is_json, collector=collector, source=f"http:{collector}")


_in_child: list[Runtime] = []


def _open_in_child(home: Path) -> None:
    _in_child.append(open_runtime(home))


def _take_in_child(
    signal: str,
    body: bytes,
    is_json: bool,  # noqa: FBT001 - a pool hands on positions
    collector: str,
) -> tuple[OtlpReport, list[bytes]]:
    """The report, and what was stored, for the watch in the server's process."""
    runtime, stored = _in_child[0], list[bytes]()
    runtime.events.on_stored = stored.append
    return take_in(runtime, signal, body, is_json=is_json, collector=collector), stored
