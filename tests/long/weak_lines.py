"""Listeners on slow lines, in one room with a listener on a fast line; prints what each received.

    python -m tests.long.weak_lines [FILE]

For each worker, five listeners share one room; four of them have lines of 3000 to 200 kbit/s. The
machine must permit `unshare --net`, and have `ip`, `nsenter`, and `tc` with the queue `tbf`. The
argument is a file for the tables; `python -m benchmarks.bench.page` reads
`benchmarks/results/weak_lines.md`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import statistics
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from livekit import rtc
from livekit.agents.voice import io
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.contracts.clock import loop_time
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.children import ChildProcess
from avatar_core.testing.server import DevServer
from benchmarks.bench.driver import SpeechDriver
from benchmarks.bench.stimulus import RATE_HZ, silence
from benchmarks.bench.systems import AGENT, AVATAR, FPS, Ours, Stock, System
from benchmarks.bench.workers import STOCK_WORKER
from tests.long.lines import Line, open_lines, serve_lines

LEAST_FPS = {0: 24.0, 3000: 24.0, 800: 15.0, 400: 10.0, 200: 5.0}
"""Frames per second that a listener of our worker must receive, by the rate in kbit/s; 0 is the
line without a limit."""
MAX_FREEZE_S = 4.0
"""The server needs up to 3.5 s to notice that a line is full (measured)."""
LEAST_SHARE = 0.6
"""A word counts as missing if a smaller share of its tone was heard."""
SIZE = 512
SETTLE_S, PAUSE_S, END_S = 10.0, 0.7, 1.0
SPOKEN_WORDS = VOCABULARY[:18]
MAX_SKEW_S = 0.45
"""A sound and a flash belong together if they are at most this far apart."""
CASE_S = 90.0
HEAD = (
    "| line | frames/s | width | longest freeze | skew | words heard |",
    "| ---: | ---: | ---: | ---: | ---: | ---: |",
)
ARGUMENTS = ("-m", "tests.long.weak_lines")
NAMESPACE = "AVATAR_WEAK_LINES_NAMESPACE"


class LargeStock(Stock):
    """LiveKit's own worker, with frames as large as those of the providers."""

    async def open(self, stack: AsyncExitStack, room: rtc.Room) -> io.AudioOutput:
        token = self.token(room.name, AVATAR, on_behalf_of=AGENT)
        worker = await ChildProcess.start(
            STOCK_WORKER, url=self.server.url, token=token, size=SIZE, fps=FPS
        )
        stack.push_async_callback(worker.stop)
        return DataStreamAudioOutput(
            room,
            destination_identity=AVATAR,
            sample_rate=RATE_HZ,
            wait_remote_track=rtc.TrackKind.KIND_VIDEO,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """The audio and video that one listener received during the speech."""

    rate_kbps: int
    fps: float
    freeze_s: float
    width: int
    skew_ms: float | None
    word_count: int

    @classmethod
    def measure(cls, line: Line, received: dict[str, Any], since_s: float, until_s: float) -> Row:
        """Compute the row of a line from what its listener received.

        Args:
            line: The line.
            received: The result of `Line.received`.
            since_s: The start in seconds, on the monotonic clock.
            until_s: The end in seconds, on the monotonic clock.

        Returns:
            The row.
        """
        frames: list[tuple[float, int]] = received["frames"]
        times_s = [since_s, *(at_s for at_s, _ in frames), until_s]
        skews_s = [
            flash - onset
            for onset in received["onsets"]
            for flash in [min(received["flashes"], key=lambda at: abs(at - onset), default=None)]
            if flash is not None and abs(flash - onset) < MAX_SKEW_S
        ]
        return cls(
            line.rate_kbps,
            len(frames) / (until_s - since_s),
            max(after - before for before, after in pairwise(times_s)),
            round(statistics.median(width for _, width in frames)) if frames else 0,
            1000 * statistics.median(skews_s) if skews_s else None,
            sum(share >= LEAST_SHARE for share in received["shares"].values()),
        )

    @property
    def good(self) -> bool:
        """Whether the listener received what a listener of our worker must receive."""
        enough = self.fps >= LEAST_FPS[self.rate_kbps] and self.freeze_s <= MAX_FREEZE_S
        return enough and self.word_count == len(SPOKEN_WORDS)

    def __str__(self) -> str:
        rate = f"{self.rate_kbps} kbit/s" if self.rate_kbps else "no limit"
        skew = "-" if self.skew_ms is None else f"{self.skew_ms:.0f} ms"
        return (
            f"| {rate} | {self.fps:.1f} | {self.width} | {self.freeze_s:.2f} s | {skew} "
            f"| {self.word_count} of {len(SPOKEN_WORDS)} |"
        )


async def measure(system: System, lines: Sequence[Line]) -> tuple[float, list[Row]]:
    """Speak to one listener on each line.

    Args:
        system: The agent and its worker.
        lines: The lines, each with one listener.

    Returns:
        The share of a core that the worker used, and a row for each line.
    """
    room_name = f"weak-{secrets.token_hex(4)}"
    pcm = b"".join(WordTones(RATE_HZ).speak([word]) + silence(PAUSE_S) for word in SPOKEN_WORDS)
    async with AsyncExitStack() as stack:
        for line in lines:
            await line.join(system.server.url, system.token(room_name, f"user-{line.rate_kbps}"))
        session = await system.enter(stack, room_name)
        await asyncio.sleep(SETTLE_S)
        workers = [psutil.Process(pid) for pid in session.workers]
        before_s, since_s = sum(sum(worker.cpu_times()[:2]) for worker in workers), loop_time()
        driver = SpeechDriver(session.output)
        driver.say(pcm)
        await driver.wait_for_end(len(pcm) / 2 / RATE_HZ + SETTLE_S)
        until_s = loop_time()
        used_s = sum(sum(worker.cpu_times()[:2]) for worker in workers) - before_s
        await asyncio.sleep(END_S)  # the last word reaches the listeners
        rows = [
            Row.measure(line, await line.received(since_s, until_s), since_s, until_s)
            for line in lines
        ]
    return used_s / (until_s - since_s), rows


async def run() -> tuple[bool, str]:
    """Measure each worker.

    Returns:
        Whether the listeners of our workers received enough, and the tables in Markdown.
    """
    good, text = True, ""
    async with serve_lines() as server:
        for name, system in _systems(server).items():
            async with asyncio.timeout(CASE_S), open_lines(list(LEAST_FPS)) as lines:
                core, rows = await measure(system, lines)
            table = [f"**{name}**: the worker used {core:.0%} of a core.", "", *HEAD]
            for row in rows:
                failed = name != "stock" and not row.good
                good = good and not failed
                table.append(f"{row}{' TOO LITTLE' if failed else ''}")
            print("\n".join(table), flush=True)
            text += "\n" + "\n".join(table) + "\n"
    return good, text


def _systems(server: DevServer) -> dict[str, System]:
    return {
        "mock": Ours(server, "mock"),
        "local": Ours(server, "local"),
        "stock": LargeStock(server),
    }


def main() -> None:
    """Run in a network namespace of its own; exit with status 1 if a listener got too little."""
    if not os.environ.get(NAMESPACE):
        user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        command = ("unshare", "--net", *user, sys.executable, *ARGUMENTS, *sys.argv[1:])
        os.execvpe(command[0], command, {**os.environ, NAMESPACE: "1"})
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    good, text = asyncio.run(run())
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    sys.stdout.flush()
    os._exit(0 if good else 1)  # at the interpreter's own exit livekit's runtime may panic


if __name__ == "__main__":
    main()
