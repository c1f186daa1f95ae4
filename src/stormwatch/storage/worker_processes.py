"""Work spread over processes: results in the order of their inputs, little in flight, none outliving its parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

_Input = TypeVar("_Input")
_Result = TypeVar("_Result")

# One per worker process: the function that its initialiser made.
_work: Callable[[Any], Any] | None = None


def ordered_map(
    make: Callable[[], Callable[[_Input], _Result]], inputs: Iterable[_Input], processes: int
) -> Iterator[_Result]:
    """Results of `make()(input)`, in order; `make` is called once in each process and must be picklable.

    At most two inputs per process are read ahead. An error of the inputs comes after the results of those before it;
    when the caller stops early, or dies, the processes end.
    """
    # Spawned, not forked: the parent has threads, and a fork copies the locks that they hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(make,))
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


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work = make()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _one(item: Any) -> Any:
    assert _work is not None
    return _work(item)
