"""A fixture that runs a test in a room in memory and in a room of a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from avatar_core.testing.server import DevServer
from tests.room_link.rooms import Body, in_memory, on_the_server


@pytest.fixture(
    params=[in_memory, pytest.param(on_the_server, marks=pytest.mark.livekit)],
    ids=["memory", "livekit"],
)
def in_both_rooms(request: pytest.FixtureRequest, server: DevServer) -> Callable[[Body], None]:
    return lambda body: request.param(body, server)
