"""The simulator's meter under livekit-plugins-tavus, unmodified, and under avatar-core.

    python -m providers.tavus.tests.meters

Each agent is brought into a room of its own, speaks, and is left after a while, with the same
faults of Tavus; then: provisioned, ended, billed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from livekit import api, rtc

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from providers.tavus.tests.jobs import SPEAK
from tests.livekit.live_audio_meter import LiveAudioMeter
from tests.support.agent_server import run_agent_server

FAULTS = ("", "reset after create", "500 after create", "html", "worker leaves")
STAY_S, AFTER_S, STEP_S, SUBSCRIBED_S = 12.0, 10.0, 60.0, 5.0
# livekit-server 1.13.5 tells of one who published nothing up to 3 s after it left
# (`subscriberUpdateInterval` in its pkg/rtc/room.go): AFTER_S has to be well over that.
ENDED = "end_conversation_endpoint_hit"


@dataclass(frozen=True)
class Bill:
    """The result of one conversation.

    Attributes:
        heard: Words that a listener heard; one that stumbled is there twice.
        provisioned: Conversations at Tavus.
        ended: Those that were ended by a call; the others waited for Tavus's timers.
        billed_s: Seconds until the last look, of all of them.
        by_avatar: Whether the words came from the avatar.
    """

    heard: tuple[str, ...]
    provisioned: int
    ended: int
    billed_s: float
    by_avatar: bool


class Agents:
    """An agent server of one kind."""

    def __init__(self, server: DevServer, notes: Path) -> None:
        self._server = server
        self._notes = notes

    async def noted(self, room: str, *whats: str) -> str:
        """Wait for one of these notes."""
        async with asyncio.timeout(STEP_S):
            while True:
                for line in self._notes.read_text().splitlines():
                    reported = json.loads(line)
                    if reported["room"] == room and reported["what"].startswith(whats):
                        return str(reported["what"])
                await asyncio.sleep(0.05)

    async def converse(
        self, stay_s: float, after_s: float, account: VendorAccount
    ) -> tuple[tuple[str, ...], bool]:
        """Be in a room with an agent for a while; words heard, and whether by its avatar.

        The room stays without its person until all is ended at the vendor, at most for `after_s`,
        and is deleted then.
        """
        room, hearing = f"meter-{secrets.token_hex(4)}", LiveAudioMeter()
        listener = await Listener.join(
            self._server.url, create_token(self._server, room, "user"), hearing.add
        )
        try:
            heard = subscribed(listener.link.room)
            await self.noted(room, "joined", "failed")
            await asyncio.wait({heard}, timeout=SUBSCRIBED_S)  # or its first words go past us
            await listener.link.room.local_participant.publish_data(b"", topic=SPEAK)
            await asyncio.sleep(stay_s)
            participants = listener.link.room.remote_participants.values()
            tracks = {
                sid
                for participant in participants
                if PUBLISH_ON_BEHALF in participant.attributes
                for sid in participant.track_publications
            }
            spoken_words = hearing.decode()
            by_avatar = bool(spoken_words) and {word.track for word in spoken_words} <= tracks
            return tuple(word.word for word in spoken_words), by_avatar
        finally:
            await listener.aclose()
            await ended(account, after_s)
            async with api.LiveKitAPI(
                self._server.url, self._server.api_key, self._server.api_secret
            ) as client:
                await client.room.delete_room(api.DeleteRoomRequest(room=room))


def subscribed(room: rtc.Room) -> asyncio.Future[None]:
    """Done once the sound of an avatar is received here."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def look(track: rtc.Track, _: object, who: rtc.RemoteParticipant) -> None:
        sounds = track.kind == rtc.TrackKind.KIND_AUDIO and PUBLISH_ON_BEHALF in who.attributes
        if sounds and not done.done():
            done.set_result(None)

    room.on("track_subscribed", look)
    return done


async def ended(account: VendorAccount, within_s: float) -> None:
    """Wait until all sessions have ended, or the time is over."""
    over, tell = asyncio.Event(), account.on_end

    def look(session: VendorSession) -> None:
        tell(session)
        if not account.active:
            over.set()

    account.on_end = look
    if not account.active:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await over.wait()


@asynccontextmanager
async def agents(kind: str, server: DevServer, address: str, folder: Path) -> AsyncIterator[Agents]:
    """An agent server whose jobs speak through `stock` or `ours`."""
    notes = folder / f"notes-{kind}"
    notes.touch()
    environment = {
        "JOB_AVATAR": kind,
        "JOB_NOTES": str(notes),
        "TAVUS_API_URL": address,
        "TAVUS_API_KEY": KEY,
        "AVATAR_LEDGER": str(folder / "ledger"),
    }
    async with run_agent_server(Path(__file__).parent / "jobs.py", server, environment):
        yield Agents(server, notes)


async def bill(
    kind: str,
    fault: str,
    server: DevServer,
    folder: Path,
    stay_s: float = STAY_S,
    after_s: float = AFTER_S,
) -> Bill:
    """One conversation of one kind under one fault."""
    simulator = Simulator(face=FLASH, create_s=0.3, join_s=0.5)
    if fault:
        simulator.fail(fault)
    async with (
        serving(simulator, say=lambda _: None) as address,
        agents(kind, server, address, folder) as running,
    ):
        account = simulator.account
        heard, by_avatar = await running.converse(stay_s, after_s, account)
        return Bill(
            heard,
            len(account.sessions),
            sum(one.end_reason == ENDED for one in account.sessions),
            round(sum(map(account.billed_s, account.sessions)), 1),
            by_avatar,
        )


async def main() -> None:
    """Print a line for each."""
    async with DevServer.from_environment() as server:
        for fault in FAULTS:
            for kind in ("stock", "ours"):
                with tempfile.TemporaryDirectory() as folder:
                    reported = await bill(kind, fault, server, Path(folder))
                print(
                    f"{fault or 'no fault':20} {kind:6} {len(reported.heard)} words heard, "
                    f"{reported.provisioned} created, {reported.ended} ended, "
                    f"{reported.billed_s} s billed",
                    flush=True,
                )


if __name__ == "__main__":
    asyncio.run(main())
