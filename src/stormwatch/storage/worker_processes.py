"""Work spread over processes: results in the order of their inputs, little in flight, none outliving its parent."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeVar

_Input = TypeVar("_Input")
_Result = TypeVar("_Result")

# A batch of events is some ten thousand objects that are alive together and in no cycle.
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000

_starting: Final = threading.Lock()

# One per worker process: what makes the function that does its work, and that function once it was needed.
_make: Callable[[], Callable[[Any], Any]] | None = None
_work: Callable[[Any], Any] | None = None


def ordered_map(
    make: Callable[[], Callable[[_Input], _Result]], inputs: Iterable[_Input], processes: int
) -> Iterator[_Result]:
    """Results of `make()(input)`, in order; `make` is called once in each process and must be picklable.

    At most two inputs per process are read ahead. An error of the inputs comes after the results of those before it;
    when the caller stops early, or dies, the processes end.
    """
    pool = spawned_pool(processes, _begin, make)
    under_way: deque[Future[_Result]] = deque()
    try:
        source = iter(inputs)
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception:
                while under_way:
                    yield under_way.popleft().result()
                raise
            under_way.append(pool.submit(_one, item))
            if len(under_way) >= 2 * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def collect_rarely() -> None:
    """Lets the garbage collector of this process look seldom.

    By default it looks after 700 new objects for cycles that batches do not have: a tenth of the time of taking in.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def spawned_pool(processes: int, begin: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:
    """Processes that each call `begin(*arguments)` first and end with this one, however that ends."""
    # Spawned, not forked: the parent has threads, and a fork copies the locks that they hold.
    return ProcessPoolExecutor(processes, _BareContext(), _watched, (begin, arguments))


class _BareProcess(SpawnProcess):
    """A process that begins empty. As a rule it first imports what its parent was started as, the whole command line,
    which takes longer than all that its work needs.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - what multiprocessing calls to start one
        with _starting, _nameless_main():
            return SpawnProcess._Popen(process_obj)  # noqa: SLF001 - see above


class _BareContext(SpawnContext):
    """Makes such processes."""

    Process = _BareProcess


@contextmanager
def _nameless_main() -> Iterator[None]:
    """Lets the main module say for a moment neither its name nor its file, as in an interactive session."""
    main = sys.modules["__main__"]
    named: dict[str, Any] = {name: vars(main)[name] for name in ("__spec__", "__file__") if name in vars(main)}
    main.__spec__ = None
    vars(main).pop("__file__", None)
    try:
        yield
    finally:
        vars(main).update(named)


def _watched(begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(*arguments)
    collect_rarely()


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _make
    _make = make


def _end_with_parent() -> None:
    """A process that is killed tells its children nothing; they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _one(item: Any) -> Any:
    global _work
    if _work is None:
        assert _make is not None
        _work = _make()  # here, so that an error of it is the caller's to see
    return _work(item)
