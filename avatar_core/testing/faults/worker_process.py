"""Workers with faults that run as processes in a room of a LiveKit server.

The process works like the process of `avatar_core.rtc.worker_process`, but its configuration also
contains a fault scenario.

    python -m avatar_core.testing.faults.worker_process NONCE
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from avatar_core.rtc.worker_process import run
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.worker.executors import ThreadExecutor
from avatar_core.worker.process import start_process

if TYPE_CHECKING:
    from avatar_core.rtc.link import RtcLink

log = logging.getLogger("avatar_core.worker")

FOREVER_S = 1e6
"""Seconds of a hang without an end; the owner of the process kills the process earlier."""


async def start_faulty_process(
    renderer: str,
    *,
    livekit_url: str,
    token: str,
    options: Mapping[str, Any] | None = None,
    scenario: Scenario,
    encryption: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Start a worker process with faults in a room of a LiveKit server, and wait until it is ready.

    Args:
        renderer: Path of a `Renderer` class: `package.module:Class`.
        livekit_url: URL of the LiveKit server.
        token: Room token of the worker.
        options: Keyword arguments of the renderer class, JSON-safe; None for none.
        scenario: The faults to apply to the worker, its link and its renderer.
        encryption: The encryption of the room, from `RoomWorkers.encryption`; None for a room
            without encryption.

    Returns:
        The record of the worker, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The process cannot be started or ended before it was ready. The message
            contains the last output of the process.
    """
    return await start_process(
        __name__,
        renderer=renderer,
        livekit_url=livekit_url,
        token=token,
        options=options,
        encryption=encryption,
        scenario=scenario.as_dict(),
    )


async def serve(config: Mapping[str, Any], ready: asyncio.Event) -> None:
    """Run the worker of a configuration until its agent leaves or its room ends.

    Args:
        config: The arguments of `start_faulty_process`, with the scenario as a mapping.
        ready: Set when the worker is ready.

    Raises:
        AvatarError: The scenario is invalid, the renderer cannot be created, or the worker cannot
            join its room or publish its tracks.
    """
    from avatar_core.testing.faults.worker import perform
    from avatar_core.worker.renderers import load_renderer

    await perform(
        _Process(config["livekit_url"], config["token"], config["encryption"]),
        lambda: load_renderer(config["renderer"], config["options"]),
        Scenario.read(config["scenario"]),
        ready,
    )


class _Process:
    """The `Body` of a worker that runs as this process.

    Args:
        url: URL of the LiveKit server.
        token: Room token of the worker.
        encryption: The encryption of the room; None for a room without encryption.
    """

    def __init__(self, url: str, token: str, encryption: Mapping[str, Any] | None) -> None:
        self._url, self._token, self._encryption = url, token, encryption
        self._link: RtcLink | None = None

    async def join(self) -> RtcLink:
        """Join the room of the LiveKit server.

        Returns:
            The worker's link to the room.

        Raises:
            RoomError: The server cannot be reached, or refuses the token.
        """
        from avatar_core.rtc.encryption import read_encryption
        from avatar_core.rtc.join import join

        encryption = read_encryption(self._encryption)
        self._link = await join(self._url, self._token, encryption=encryption)
        return self._link

    def join_beside(self) -> None:
        """Log a warning: the token of this process cannot admit an intruder to the room."""
        _warn_about("foreign")

    def executor(self) -> ThreadExecutor:
        """Return an executor that runs the renderer on a new thread.

        Returns:
            The executor.
        """
        return ThreadExecutor()

    def crash(self) -> None:
        """Kill this process with SIGKILL, so that the worker cannot leave the room."""
        os.kill(os.getpid(), signal.SIGKILL)

    def freeze(self) -> None:
        """Stop this process with SIGSTOP, while its participant stays in the room."""
        os.kill(os.getpid(), signal.SIGSTOP)

    def hang(self, duration_s: float) -> None:
        """Block the event loop of this process; LiveKit's client continues in its own threads.

        Args:
            duration_s: Seconds until the event loop continues; 0 means never.
        """
        time.sleep(duration_s or FOREVER_S)

    def mute(self) -> None:
        """Mute the audio track; do nothing before the join."""
        from livekit import rtc

        if self._link is not None:
            for publication in self._link.room.local_participant.track_publications.values():
                if isinstance(publication.track, rtc.LocalAudioTrack):
                    publication.track.mute()

    def mute_by_server(self) -> None:
        """Log a warning: the token of this process cannot act as the server."""
        _warn_about("server_mutes_at_s")

    def revoke_permission(self) -> None:
        """Log a warning: the token of this process cannot act as the server."""
        _warn_about("revoked_at_s")

    async def reconnect(self) -> None:
        """Make the LiveKit client reconnect in full; do nothing before the join.

        Raises:
            RuntimeError: The room is not connected, or the LiveKit client reported a failure.
        """
        from livekit import rtc

        if self._link is not None:
            await self._link.room.simulate_scenario(
                rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT
            )


def _warn_about(field: str) -> None:
    log.warning(
        "The field `%s` of the fault scenario has no effect in a room of a server, because the "
        "worker's token does not allow the action. The class `Moderator` can mute a track and "
        "revoke a permission.",
        field,
    )


if __name__ == "__main__":
    run(serve)
