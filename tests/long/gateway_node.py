"""An agent of LiveKit's Node framework speaks through `avatar gateway`.

    AGENTS_JS=/path/to/node/project python -m tests.long.gateway_node

The folder contains `node_modules` with `@livekit/agents` and `@livekit/rtc-node`. The agent uses
the unmodified inference avatar of the framework. It speaks, is interrupted, and speaks again, first
with the provider `local` and then with the simulator of Tavus. The script prints what a listener
heard, and the sessions that were created and ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving

from avatar_core.provisioning.ledger import Ledger
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from avatar_core.testing.turn import LEAST_SHARE
from tests.livekit.gateway_command import run_gateway
from tests.livekit.live_audio_meter import LiveAudioMeter
from tests.livekit.live_conversation import ONCE
from tests.livekit.turns import RATE_HZ

AGENT = Path(__file__).with_name("gateway_agent.mjs")
PACKAGES = ("agents", "rtc-node")
FIRST, CUT, LAST = VOCABULARY[:12], VOCABULARY[12:20], VOCABULARY[20:26]
SPEECHES = (FIRST, CUT, LAST)
INTERRUPTED_WORD = 2
TURN_S, JOIN_S, SILENCE_S, SUBSCRIBED_S = 60.0, 60.0, 0.6, 0.2


class Result(NamedTuple):
    """The words that a listener heard, and the sessions of the gateway.

    Attributes:
        lost: Words that were not heard.
        twice: Words that were heard twice.
        late: Words that were heard after the interruption.
        created: Entries of the ledger while the agent spoke.
        left: Entries of the ledger after the agent has closed its avatar.
    """

    lost: Sequence[str]
    twice: Sequence[str]
    late: Sequence[str]
    created: int
    left: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, repeated or left open."""
        return not (self.lost or self.twice or self.late) and (self.created, self.left) == (1, 0)


class NodeAgent:
    """The process of the agent.

    Args:
        process: The process, with pipes.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, folder: str, env: Mapping[str, str]) -> NodeAgent:
        """Start the agent, and wait until its avatar has joined.

        Args:
            folder: The folder that contains `node_modules`.
            env: The variables of the agent.

        Returns:
            The agent.

        Raises:
            TimeoutError: The avatar did not join in time.
        """
        process = await asyncio.create_subprocess_exec(
            *("node", str(AGENT)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "AGENTS_JS": folder, **env},
        )
        agent = cls(process)
        try:
            async with asyncio.timeout(JOIN_S):
                await agent.wait_for("joined")
        except BaseException:
            await agent.aclose()
            raise
        return agent

    def send(self, **command: Any) -> None:
        """Send a command to the agent.

        Args:
            command: The fields of the command.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(command)}\n".encode())

    async def wait_for(self, event: str) -> dict[str, Any]:
        """Wait until the agent prints an event.

        Args:
            event: The name of the event.

        Returns:
            The fields of the event.

        Raises:
            RuntimeError: The agent ended before the event.
        """
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b"{"):
                fields: dict[str, Any] = json.loads(line)
                if fields.get("event") == event:
                    return fields
        raise RuntimeError(f"The Node agent ended before the event {event!r}. Read its output.")

    async def aclose(self) -> None:
        """Kill the process, unless it has ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def write_speeches(folder: Path) -> list[str]:
    """Write the tones of each speech into a file.

    Args:
        folder: The folder of the files.

    Returns:
        The paths of the files.
    """
    tones = WordTones(RATE_HZ)
    paths = [folder / f"{speech[0]}.pcm" for speech in SPEECHES]
    for speech, path in zip(SPEECHES, paths, strict=True):
        path.write_bytes(tones.speak(speech))
    return [str(path) for path in paths]


async def talk(server: DevServer, folder: str, model: str, url: str, ledger: Path) -> Result:
    """Let an agent speak in a room of its own.

    Args:
        server: The livekit-server.
        folder: The folder that contains `node_modules`.
        model: The provider.
        url: The URL of the gateway.
        ledger: The folder of the gateway's ledger.

    Returns:
        The result.

    Raises:
        TimeoutError: The avatar did not join, or a turn did not end.
        RuntimeError: The agent ended early.
    """
    room, meter = f"node-{secrets.token_hex(4)}", LiveAudioMeter()
    listener = await Listener.join(server.url, create_token(server, room, "user"), meter.add)
    env = {
        "GATEWAY_URL": url,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "MODEL": model,
        "ROOM_TOKEN": create_token(server, room, "agent", "agent"),
    }
    agent = None
    try:
        with TemporaryDirectory() as sounds:
            paths = write_speeches(Path(sounds))
            agent = await NodeAgent.start(folder, env)
            await meter.wait_for_silence(SUBSCRIBED_S)
            for speech, path in zip(SPEECHES, paths, strict=True):
                async with asyncio.timeout(TURN_S):
                    agent.send(say=path)
                    if speech is CUT:
                        await meter.wait_for_word(speech[INTERRUPTED_WORD])
                        agent.send(interrupt=True)
                    await agent.wait_for("said")
                    await meter.wait_for_silence(SILENCE_S)
            created = len(Ledger(ledger).read_all())
            agent.send(close=True)
            async with asyncio.timeout(TURN_S):
                await agent.wait_for("closed")
    finally:
        if agent is not None:
            await agent.aclose()
        await listener.aclose()
    shares = meter.shares()
    return Result(
        lost=[word for word in (*FIRST, *LAST) if shares.get(word, 0.0) < LEAST_SHARE],
        twice=[word for word, share in shares.items() if share > ONCE],
        late=[word for word in CUT[INTERRUPTED_WORD + 3 :] if shares.get(word, 0.0) > LEAST_SHARE],
        created=created,
        left=len(Ledger(ledger).read_all()),
    )


def find_packages() -> tuple[str, str]:
    """Return the folder with the Node framework.

    Returns:
        The folder, and an empty text; or an empty text, and the reason why the script cannot run.
    """
    folder = os.environ.get("AGENTS_JS", "")
    packages = Path(folder, "node_modules/@livekit")
    if shutil.which("node") is None or not all((packages / one).is_dir() for one in PACKAGES):
        return "", (
            "skipped: this script needs node, and a folder AGENTS_JS in which you ran "
            "`npm i @livekit/agents @livekit/rtc-node`."
        )
    return folder, ""


async def run(folder: str) -> bool:
    """Run both providers, and print a table.

    Args:
        folder: The folder that contains `node_modules`.

    Returns:
        Whether all words were heard and all sessions ended.
    """
    print("provider | heard | twice | after the interruption | created | left open")
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1)
    good = True
    async with DevServer.start() as server, serving(simulator, say=lambda _: None) as address:
        for model in ("local", "tavus"):
            with TemporaryDirectory() as ledger:
                env = {"TAVUS_API_KEY": KEY, "TAVUS_API_URL": address}
                async with run_gateway(server, Path(ledger), env) as url:
                    result = await talk(server, folder, model, url, Path(ledger))
            good &= result.holds
            expected = len(FIRST) + len(LAST)
            print(
                f"{model:8} | {expected - len(result.lost)} of {expected} | {len(result.twice)} | "
                f"{len(result.late)} | {result.created} | {result.left}",
                flush=True,
            )
        created, is_over = len(simulator.account.sessions), not simulator.account.active
        print(f"Tavus: {created} session, {'ended' if is_over else 'not ended'}")
    return good and created == 1 and is_over


def main() -> int:
    """Run the script, or say why it cannot run.

    Returns:
        The exit code: 1 if a word was lost or a session was left open, otherwise 0.
    """
    folder, reason = find_packages()
    if reason:
        print(reason)
        return 0
    package = Path(folder, "node_modules/@livekit/agents/package.json")
    print(f"@livekit/agents {json.loads(package.read_text())['version']}")
    return 0 if asyncio.run(run(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
