"""The development server starts, stays on loopback, and ends with its owner."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from livekit import api, rtc

from avatar_core.contracts.errors import ServerError
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.find import cached_binary, find_server
from tests.support.processes import ProcessHandle

pytestmark = pytest.mark.livekit

EXIT_S = 5.0
BUILDS_S = 30.0
WAIT_FOR_OTHER_BUILD = (
    ': > "$GOBIN/../../met.$$"',
    'set -- "$GOBIN"/../../met.*',
    'while [ $# -lt 2 ]; do /bin/sleep 0.01; set -- "$GOBIN"/../../met.*; done',
    '[ -d "$GOBIN" ] || exit 4',
)
"""Lines for `FakeGo` that wait until another build runs too, and fail if their folder is gone."""

OWNER = """
import asyncio, json, os, signal, sys
from avatar_core.testing.server import DevServer
from tests.support.processes import ProcessHandle

server = asyncio.run(DevServer.start().__aenter__())
forked = os.fork() if "fork" in sys.argv else 0
if forked == 0 and "fork" in sys.argv:
    signal.pause()
print(json.dumps([server.pids.server, server.pids.watchdog, forked]), flush=True)
signal.pause()
"""


@pytest.fixture
async def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache with a link to the real livekit-server."""
    binary = await find_server()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cached_binary().parent.mkdir(parents=True)
    cached_binary().symlink_to(binary)
    return tmp_path / "avatar-core"


class OwnerProcess:
    """A process that has started a server.

    Attributes:
        process: The owner.
        server: The livekit-server.
        watchdog: The watchdog of the server.
    """

    def __init__(self, process: subprocess.Popen[str], stack: ExitStack) -> None:
        assert process.stdout is not None
        server, watchdog, forked = json.loads(process.stdout.readline())
        self.process = process
        self.server = ProcessHandle(server)
        stack.callback(self.server.close)
        self.watchdog = ProcessHandle(watchdog)
        stack.callback(self.watchdog.close)
        if forked:
            stack.callback(ProcessHandle(forked).close)

    def kill(self) -> None:
        """Kill the owner."""
        self.process.kill()
        self.process.wait()


class FakeGo:
    """A fake `go` command that runs a shell script."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "go"
        self._script.touch(mode=0o700)

    def set_script(self, *lines: str) -> None:
        """Set the lines of the script."""
        self._script.write_text("\n".join(["#!/bin/sh", *lines]))


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    """A fake `go` as the only command on PATH, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return FakeGo(tmp_path)


@contextmanager
def start_owner(*options: str) -> Iterator[OwnerProcess]:
    """Run a process that starts a server and then waits; `fork` gives it a child."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", OWNER, *options], stdout=subprocess.PIPE, text=True
            )
        )
        stack.callback(process.kill)
        yield OwnerProcess(process, stack)


def run_dirs(own_cache: Path) -> list[Path]:
    return list((own_cache / "run").iterdir())


async def join(server: DevServer, room_name: str, identity: str) -> rtc.Room:
    token = api.AccessToken(server.api_key, server.api_secret).with_identity(identity)
    room = rtc.Room()
    grants = api.VideoGrants(room_join=True, room=room_name)
    await room.connect(server.url, token.with_grants(grants).to_jwt())
    return room


async def test_two_participants_see_each_other(server: DevServer) -> None:
    """The server announces a participant with a track at once, and others up to 3 s late."""
    first = await join(server, "devserver-two-participants", "first")
    heard = asyncio.Event()
    first.on("track_subscribed", lambda *_: heard.set())
    second = await join(server, "devserver-two-participants", "second")
    source = rtc.AudioSource(48_000, 1)
    try:
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        await second.local_participant.publish_track(track)
        await asyncio.wait_for(heard.wait(), 5.0)
        assert list(first.remote_participants) == ["second"]
        assert list(second.remote_participants) == ["first"]
    finally:
        await second.disconnect()
        await first.disconnect()
        await source.aclose()


async def test_stopped_server_leaves_only_its_log(own_cache: Path) -> None:
    async with DevServer.start() as server:
        assert server.log_path is not None
        assert server.pids is not None
        (run_dir,) = run_dirs(own_cache)
        process = ProcessHandle(server.pids.server)
        config = run_dir / "config.yaml"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert server.api_secret in config.read_text()
        assert len(server.api_secret) >= 32
        shown = repr(server) + " ".join(psutil.Process(server.pids.server).cmdline())
        addresses = psutil.Process(server.pids.server).net_connections()
    assert process.exits_within(0)
    process.close()
    assert run_dirs(own_cache) == []
    assert "starting LiveKit server" in server.log_path.read_text()
    assert server.api_secret not in shown + server.log_path.read_text()
    assert {connection.laddr.ip for connection in addresses} == {"127.0.0.1"}
    await server.stop()


async def test_port_in_use_raises_an_error_with_its_number(own_cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=f"Port {port} is already in use"):
            await DevServer.start(port=port)
    assert not (own_cache / "run").exists()


async def test_error_shows_the_last_lines_of_a_server_that_exits_at_once(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "livekit-server"
    broken.write_text("#!/bin/sh\necho no luck today\n")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ServerError, match="no luck today"):
        await DevServer.start()
    assert run_dirs(own_cache) == []


async def test_server_from_the_environment_is_used_and_not_stopped(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)
    async with DevServer.from_environment() as found:
        assert found.url == server.url
        assert found.pids is None
    await (await join(server, "devserver-left-alone", "someone")).disconnect()


async def test_remote_server_is_used_only_if_allowed(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "wss://example.invalid")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    async with DevServer.from_environment() as own:
        assert own.pids is not None
    assert (await DevServer.from_environment(allow_remote=True)).url == "wss://example.invalid"


@pytest.mark.parametrize("options", [(), ("fork",)])
def test_server_exits_with_the_process_that_started_it(
    own_cache: Path, options: tuple[str, ...]
) -> None:
    with start_owner(*options) as owner:
        owner.kill()
        assert owner.server.exits_within(EXIT_S)
        assert owner.watchdog.exits_within(EXIT_S)
        assert run_dirs(own_cache) == []


def test_server_exits_with_its_watchdog(own_cache: Path) -> None:
    with start_owner() as owner:
        owner.watchdog.kill()
        assert owner.server.exits_within(EXIT_S)


async def test_start_ends_stale_servers(own_cache: Path) -> None:
    with start_owner() as owner:
        owner.watchdog.kill(signal.SIGSTOP)
        owner.kill()
        (stale,) = run_dirs(own_cache)
        assert not owner.server.exits_within(0)
        async with DevServer.start():
            assert owner.server.exits_within(EXIT_S)
            assert stale not in run_dirs(own_cache)
            assert len(run_dirs(own_cache)) == 1


async def test_start_keeps_servers_of_running_processes(own_cache: Path) -> None:
    with start_owner() as neighbour:
        async with DevServer.start():
            assert not neighbour.server.exits_within(0)
            assert len(run_dirs(own_cache)) == 2


async def test_concurrent_starts_build_the_server_once(fake_go: FakeGo) -> None:
    fake_go.set_script('/bin/cp "$0" "$GOBIN/server"')
    steps: list[str] = []
    first, second = await asyncio.gather(find_server(steps.append), find_server(steps.append))
    assert first == second == cached_binary()
    assert sorted(path.name for path in first.parent.iterdir()) == ["lock", "server"]
    assert [step.split()[0] for step in steps] == ["Building", "Another", "Built"]


async def test_concurrent_builds_without_file_locks_do_not_interfere(
    fake_go: FakeGo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    fake_go.set_script(*WAIT_FOR_OTHER_BUILD, '/bin/cp "$0" "$GOBIN/server"')
    steps: list[str] = []
    async with asyncio.timeout(BUILDS_S):
        first, second = await asyncio.gather(find_server(steps.append), find_server(steps.append))
    assert first == second == cached_binary()
    assert [path.name for path in first.parent.iterdir()] == ["server"]
    assert [step.split()[0] for step in steps] == ["Building", "Building", "Built", "Built"]


async def test_error_shows_the_last_lines_of_a_failed_build(fake_go: FakeGo) -> None:
    fake_go.set_script("echo first", *["echo more"] * 20, "echo no proxy >&2", "exit 3")
    with pytest.raises(ServerError, match=r"exit code 3(?s:.*)no proxy") as caught:
        await find_server()
    assert "first" not in caught.value.message
    assert not cached_binary().exists()
