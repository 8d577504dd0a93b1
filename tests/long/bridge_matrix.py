"""Runs each installed avatar plugin of LiveKit in a room of a real livekit-server.

python -m tests.long.bridge_matrix [PLUGIN ...]

The plugin is unmodified. A recording vendor responds to its requests, and starts a worker that
uses LiveKit's stock wire, with the room token of the plugin. The avatar speaks, is interrupted and
is killed, and the agent's voice continues.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.processes import ProcessRecord
from avatar_core.rtc.join import join
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.fake_vendor.launcher import RENDERER
from avatar_core.testing.faults.worker_process import start_faulty_process
from avatar_core.testing.server import DevServer
from avatar_core.testing.turn import LEAST_SHARE
from tests.livekit.live_conversation import ONCE, LiveConversation
from tests.support.plugin_arguments import PLUGINS, PluginCase
from tests.support.recording_vendor import RecordingVendor, Token, VendorWorker
from tests.support.vendor_workers import SMALL, STOCK, SdkWorker, SocketWorker, StockWorker

INTERRUPTED_WORD, KILLED_WORD = 2, 3
TURN_S, HEARD_S = 30.0, 0.6


class Speeches(NamedTuple):
    """The words of a conversation: said, interrupted, and said while the worker is killed."""

    first: Sequence[str]
    cut: Sequence[str]
    last: Sequence[str]


WHOLE = Speeches(VOCABULARY[:5], VOCABULARY[5:12], VOCABULARY[12:22])
SHORT = Speeches(VOCABULARY[:1], VOCABULARY[1:5], VOCABULARY[5:10])


class Result(NamedTuple):
    """The result of one plugin."""

    lost: list[str]
    twice: list[str]
    created: int
    ended: int
    by_avatar: bool
    voice: bool

    def holds(self, case: PluginCase) -> bool:
        """Return whether the plugin kept every promise of the matrix."""
        return (
            not self.lost
            and len(self.twice) <= 2
            and self.created == 1
            and (self.ended > 0) is case.ends
            and self.by_avatar
            and self.voice
        )


def make_vendor() -> RecordingVendor:
    """Create the vendor of all plugins."""

    async def start_worker(token: Token) -> VendorWorker:
        if token.identity.startswith("livekit-liveavatar"):
            worker = SocketWorker(await join(token.url, token.text))
            vendor.socket = lambda _: worker
            return worker
        if token.identity.startswith(("livekit-spatius", "livekit-spatialreal")):
            return SdkWorker(await join(token.url, token.text))
        state = await start_faulty_process(
            RENDERER,
            livekit_url=token.url,
            token=token.text,
            options=SMALL,
            scenario=STOCK,
        )
        record = ProcessRecord.read(state)
        assert record is not None
        return StockWorker(state, partial(os.kill, record.pid, signal.SIGKILL))

    vendor = RecordingVendor(start_worker)
    return vendor


async def run_plugin(
    server: DevServer, case: PluginCase, ledger: Path, speeches: Speeches = WHOLE
) -> Result:
    """Hold a conversation with the avatar of one plugin.

    Args:
        server: A livekit-server.
        case: The plugin with its arguments.
        ledger: The folder of the ledger, so that the script leaves the user's own ledger alone.
        speeches: The words of the conversation.

    Returns:
        What was heard, and the sessions that were created and ended.

    Raises:
        TimeoutError: The avatar did not join, or a turn did not end.
    """
    with pytest.MonkeyPatch.context() as patch:
        vendor = make_vendor()
        case.set_up(patch, vendor)
        vendor.install(patch)
        settings = AvatarSettings(retries=0, ledger=ledger)
        talk = LiveConversation(server, f"livekit:{case.name}", settings=settings)
        try:
            async with talk:
                await talk.wait_until_listener_is_visible()
                by_avatar = talk.avatar.provider == f"livekit:{case.name}" and not talk.errors
                async with asyncio.timeout(TURN_S):
                    await talk.say_all(speeches.first)
                    cut = talk.say(speeches.cut)
                    await talk.wait_for_word(speeches.cut[INTERRUPTED_WORD])
                    cut.handle.interrupt()
                    await cut.handle
                    await talk.wait_for_silence(HEARD_S)
                async with asyncio.timeout(TURN_S):
                    last = talk.say(speeches.last)
                    await talk.wait_for_word(speeches.last[KILLED_WORD])
                    await vendor.workers[0].kill()
                    await last.handle
                    await talk.wait_for_silence(HEARD_S)
                shares, voice = talk.meter.shares(), bool(talk.voice_tracks())
        finally:
            await vendor.aclose()
    expected = [*speeches.first, *speeches.cut[:INTERRUPTED_WORD], *speeches.last]
    return Result(
        lost=[word for word in expected if shares.get(word, 0.0) < LEAST_SHARE],
        twice=[word for word, share in shares.items() if share > ONCE],
        created=vendor.created,
        ended=len(vendor.ended),
        by_avatar=by_avatar,
        voice=voice,
    )


def count_class_state() -> int:
    """Return the number of handlers that the classes of livekit-agents keep."""
    return len(DataStreamAudioOutput._playback_finished_handlers) + len(
        DataStreamAudioOutput._playback_started_handlers
    )


async def run(names: list[str]) -> bool:
    """Run the plugins, and print a table.

    Args:
        names: The names of the plugins; empty for all.

    Returns:
        True if all plugins passed.
    """
    LiveConversation.owns_children = False  # the vendor starts the workers
    good = True
    print("plugin       | avatar | voice after | lost | twice | created | ended | class state")
    async with DevServer.start() as server:
        with TemporaryDirectory() as folder:
            for case in PLUGINS:
                if names and case.name not in names:
                    continue
                try:
                    result = await run_plugin(server, case, Path(folder))
                except (AssertionError, TimeoutError) as error:
                    print(f"{case.name:12} | failed: {type(error).__name__} {error}", flush=True)
                    good = False
                    continue
                kept = count_class_state()
                good &= result.holds(case) and kept == 0
                print(
                    f"{case.name:12} | {'speaks' if result.by_avatar else 'absent':6} | "
                    f"{'speaks' if result.voice else 'silent':11} | {len(result.lost):4} | "
                    f"{len(result.twice):5} | {result.created:7} | {result.ended:5} | {kept}",
                    flush=True,
                )
    return good


def main() -> None:
    """Run the plugins of the command line, or all plugins."""
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    sys.exit(0 if asyncio.run(run(sys.argv[1:])) else 1)


if __name__ == "__main__":
    main()
