"""Telemetry taken in by processes of their own, so that reading it uses more than one core; off unless configured."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from fastapi import HTTPException

from stormwatch.events.otlp_intake import OtlpReport
from stormwatch.runtime import Runtime, open_runtime

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
            return pool.submit(_take_in_child, signal, body, is_json, collector).result()
        except BrokenProcessPool as error:
            with self._lock:
                if self._pool is pool:
                    self._pool = None
            raise HTTPException(
                503, "a process that reads telemetry died; send it again", {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            ) from error

    def close(self) -> None:
        """Ends the processes after what they are at."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._runtime.settings.ingest_processes,
                    multiprocessing.get_context("spawn"),  # this process has threads, which a fork would break
                    _open_in_child,
                    (self._runtime.settings.home,),
                )
            return self._pool


def take_in(runtime: Runtime, signal: str, body: bytes, *, is_json: bool, collector: str) -> OtlpReport:
    """Takes in a request in this process."""
    take = runtime.otlp.logs if signal == "logs" else runtime.otlp.traces
    return take(body, is_json=is_json, collector=collector, source=f"http:{collector}")


_in_child: list[Runtime] = []


def _open_in_child(home: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _in_child.append(open_runtime(home))


def _end_with_parent() -> None:
    """A process that is killed tells its children nothing; they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _take_in_child(signal: str, body: bytes, is_json: bool, collector: str) -> OtlpReport:  # noqa: FBT001
    return take_in(_in_child[0], signal, body, is_json=is_json, collector=collector)
