"""The peak of memory is that of what ran, helpers included, and forgets what was before."""

from __future__ import annotations

import subprocess
import sys

from stormwatch.evaluate.memory import peak_memory

HELD = 200_000_000
PROGRAM = f"import time; held = bytearray({HELD}); time.sleep(0.6)"


def test_memory_that_was_held_and_let_go_is_in_the_peak() -> None:
    with peak_memory() as idle:
        pass
    with peak_memory() as busy:
        held = bytearray(HELD)
        del held
    assert busy.megabytes > idle.megabytes + 0.8 * HELD / 1e6
    with peak_memory() as after:
        pass
    assert after.megabytes < busy.megabytes - 0.8 * HELD / 1e6


def test_what_a_helper_holds_is_in_the_peak() -> None:
    with peak_memory() as idle:
        pass
    with peak_memory() as busy:
        subprocess.run([sys.executable, "-c", PROGRAM], check=True)
    assert busy.megabytes > idle.megabytes + 0.8 * HELD / 1e6
