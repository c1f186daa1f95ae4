"""Work that tests send to worker processes."""

from __future__ import annotations

import os
import sys


class Doubling:
    """Twice the number."""

    def __call__(self, number: int) -> int:
        return 2 * number


class WhoAmI:
    """The id of the process that does the work."""

    def __call__(self, _item: int) -> int:
        return os.getpid()


class ImportedModules:
    """The names of what the process has imported."""

    def __call__(self, _item: int) -> set[str]:
        return set(sys.modules)
