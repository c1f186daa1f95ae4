"""What the server logs, its libraries included, as one object of ASCII JSON a line on stderr."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

# Escaped JSON, because an exception may quote what a caller sent: no line can be forged and no terminal steered. The
# traceback is the plain one, without local variables, which may hold texts and keys.
_RENDERER: Final = structlog.processors.JSONRenderer(sort_keys=True)
_PROCESSORS: Final = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.format_exc_info,
)


def log_to_stderr() -> None:
    """Configures structlog and the standard library's logging alike; called once, before the server starts."""
    structlog.configure(
        processors=[*_PROCESSORS, _RENDERER],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Whatever is stderr when something is logged, not when the server started.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=(*_PROCESSORS, structlog.stdlib.add_logger_name),
            processors=(structlog.stdlib.ProcessorFormatter.remove_processors_meta, _RENDERER),
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
