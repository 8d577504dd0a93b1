"""`avatar demo` runs to its end, prints errors in one line, and leaves no process behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from avatar_demo import services
from avatar_demo.web_server import listen

from avatar_core.provisioning.ledger import Ledger
from tests.support.processes import ProcessHandle, open_process_tree

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]

START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
from avatar_core.cli import app
app()
"""
DEMO = (sys.executable, "-c", START, "demo")
EXIT_S = 10.0
SPEAKS = ("--seconds", "600"), "says"
SERVES = ("--no-open",), "Talk to your agent at"
FILE = "a.mp4"
RECORDS = ("--record", FILE), "heard"


async def start_demo(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DEMO,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **environment},
    )


async def read_lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield line.decode()


async def wait_for_output(process: asyncio.subprocess.Process, text: str) -> None:
    output = []
    async for line in read_lines(process):
        output.append(line)
        if text in line:
            return
    raise AssertionError("".join(output))


def kill_survivors(members: dict[str, ProcessHandle], within_s: float) -> list[str]:
    """Return the processes that did not exit in time, and kill them."""
    left = [name for name, member in members.items() if not member.exits_within(within_s)]
    for member in members.values():
        member.close()
    return left


@pytest.mark.alone
@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ("mock", "Sent SIGKILL to the avatar's worker"),
        pytest.param("voice", "There is no avatar", marks=pytest.mark.slow),
    ],
)
async def test_demo_skips_no_word_and_exits_with_0(provider: str, message: str) -> None:
    process = await start_demo("--seconds", "10", AVATAR_PROVIDER=provider)
    output = "".join([line async for line in read_lines(process)])
    assert await process.wait() == 0, output
    assert message in output
    assert "none skipped" in output


async def test_unknown_provider_prints_one_error_line_and_exits_with_2() -> None:
    process = await start_demo(AVATAR_PROVIDER="moc")
    (line,) = [line async for line in read_lines(process)]
    assert await process.wait() == 2
    assert "[AV201]" in line
    assert "Did you mean 'mock'?" in line


async def test_port_in_use_prints_one_error_line_and_exits_with_2() -> None:
    with listen(0) as other:
        process = await start_demo("--no-open", DEMO_PORT=str(other.getsockname()[1]))
        (line,) = [line async for line in read_lines(process)]
    assert await process.wait() == 2
    assert "cannot listen on port" in line


@pytest.mark.parametrize(
    ("arguments", "output", "number"),
    [
        pytest.param(*SPEAKS, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(*SPEAKS, signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(*SERVES, signal.SIGTERM, marks=pytest.mark.slow),
        (*RECORDS, signal.SIGTERM),
    ],
)
async def test_signal_ends_every_process_and_keeps_only_the_recording(
    arguments: tuple[str, ...], output: str, number: int, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    process = await start_demo(*arguments, AVATAR_LEDGER=str(tmp_path / "ledger"), cwd=tmp_path)
    await wait_for_output(process, output)
    assert len(ledger.read_all()) == (0 if "--no-open" in arguments else 1)
    members = open_process_tree(process.pid)
    assert len(members) >= 3, members
    os.killpg(process.pid, number)
    rest = "".join([line async for line in read_lines(process)])
    assert await process.wait() == 128 + number, rest
    assert rest.endswith("Stopped.\n")
    assert "Traceback" not in rest
    assert kill_survivors(members, EXIT_S) == []
    assert ledger.read_all() == []
    assert (tmp_path / FILE).exists() == (FILE in arguments)


@pytest.mark.parametrize(
    ("arguments", "output"), [SPEAKS, pytest.param(*SERVES, marks=pytest.mark.slow)]
)
async def test_killed_demo_leaves_no_process(arguments: tuple[str, ...], output: str) -> None:
    process = await start_demo(*arguments)
    await wait_for_output(process, output)
    members = open_process_tree(process.pid)
    process.kill()
    await process.wait()
    assert kill_survivors(members, EXIT_S) == []


async def test_demo_prints_an_error_if_livekit_server_cannot_start(tmp_path: Path) -> None:
    broken = tmp_path / "livekit-server"
    broken.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n")
    broken.chmod(0o755)
    process = await start_demo(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    output = "".join([line async for line in read_lines(process)])
    assert await process.wait() == 1
    assert "[AV601]" in output
    assert "Traceback" not in output


def find_livekit_server(demo: psutil.Process) -> psutil.Process:
    (watchdog,) = [child for child in demo.children() if "watchdog.py" in str(child.cmdline())]
    (server,) = watchdog.children()
    return server


def find_agent_server(demo: psutil.Process) -> psutil.Process:
    (server,) = [child for child in demo.children() if services.AGENT in child.cmdline()]
    return server


@pytest.mark.parametrize(
    ("arguments", "output", "find_process", "message"),
    [
        pytest.param(*SPEAKS, find_livekit_server, "livekit-server at", marks=pytest.mark.slow),
        pytest.param(
            *SPEAKS,
            find_agent_server,
            "The agent server exited unexpectedly",
            marks=pytest.mark.slow,
        ),
        (*SERVES, find_agent_server, "The agent server exited unexpectedly"),
    ],
)
async def test_demo_prints_one_error_line_if_a_server_process_is_killed(
    arguments: tuple[str, ...],
    output: str,
    find_process: Callable[[psutil.Process], psutil.Process],
    message: str,
) -> None:
    process = await start_demo(*arguments)
    await wait_for_output(process, output)
    members = open_process_tree(process.pid)
    find_process(psutil.Process(process.pid)).kill()
    rest = [line async for line in read_lines(process)]
    assert await process.wait() == 1, rest
    assert [message in line for line in rest if "[AV601]" in line] == [True], rest
    assert "Traceback" not in "".join(rest)
    assert kill_survivors(members, EXIT_S) == []
