"""Puts the HTTP interface for machines together over an open installation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

import stormwatch
from stormwatch.api import decision, events, metrics, otlp
from stormwatch.api.intake_processes import IntakeProcesses
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound, StormwatchError
from stormwatch.runtime import Runtime

_STATUS = {InvalidInput: 400, Forbidden: 403, NotFound: 404, Conflict: 409}


def create_app(runtime: Runtime) -> FastAPI:
    """The ASGI application; faces for people are mounted on it by the caller."""
    processes = IntakeProcesses(runtime)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        processes.close()

    app = FastAPI(title="Stormwatch", version=stormwatch.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.runtime = runtime
    app.state.intake_processes = processes
    app.include_router(events.router)
    app.include_router(otlp.router)
    app.include_router(decision.router)
    app.include_router(metrics.router)
    app.add_exception_handler(StormwatchError, _explain)
    app.add_api_route("/healthz", _alive, methods=["GET"])
    app.add_api_route("/readyz", _ready, methods=["GET"])
    return app


def _explain(_request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"detail": str(error)}, status)


def _alive() -> Response:
    return PlainTextResponse("ok\n")


def _ready(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    with runtime.database.read() as connection:
        connection.exec_driver_sql("SELECT 1")
    runtime.lake.manifest()
    return PlainTextResponse("ready\n")
