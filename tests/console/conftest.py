"""Lends these tests the made-up world of the console, and people who are signed in."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from console_world import Browser, World, make_world, signed_in
from stormwatch.console.app import mount
from stormwatch.runtime import Runtime


@pytest.fixture
def world(runtime: Runtime) -> World:
    return make_world(runtime)


@pytest.fixture
def app(world: World) -> FastAPI:
    application = FastAPI()
    mount(application, world.runtime)
    return application


@pytest.fixture
def analyst(app: FastAPI, world: World) -> Browser:
    return signed_in(app, world, "ana")


@pytest.fixture
def approver(app: FastAPI, world: World) -> Browser:
    return signed_in(app, world, "paul")
