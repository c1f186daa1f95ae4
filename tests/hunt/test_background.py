"""Background work goes on after a failure, and hunts come when there is news and not otherwise."""

import threading

from stormwatch.hunt.background import Background, HuntWhenNews
from stormwatch.hunt.run import HuntReport

REPORT = HuntReport(0, 0, 0, 0, 0, 0, 0, 0)


def test_a_failure_does_not_end_the_work() -> None:
    done = threading.Event()
    turns = []

    def work() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise RuntimeError("once")
        done.set()

    background = Background("test", work, 0.001)
    background.start()
    assert done.wait(10)
    background.stop()
    assert len(turns) >= 2


def test_a_hunt_comes_with_news_alone() -> None:
    hunts: list[str] = []
    state = {"waiting": False, "knowledge": "one"}

    def hunt() -> HuntReport:
        hunts.append(str(state["knowledge"]))
        return REPORT

    look = HuntWhenNews(hunt, waiting=lambda: bool(state["waiting"]), knowledge=lambda: str(state["knowledge"]))
    look()
    look()
    assert hunts == ["one"]
    state["waiting"] = True
    look()
    state["waiting"] = False
    state["knowledge"] = "two"
    look()
    look()
    assert hunts == ["one", "one", "two"]


def test_a_hunt_that_fails_is_tried_again() -> None:
    attempts: list[int] = []

    def hunt() -> HuntReport:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("disk")
        return REPORT

    look = HuntWhenNews(hunt, waiting=lambda: False, knowledge=lambda: "one")
    try:
        look()
    except OSError:
        look()
    assert len(attempts) == 2
