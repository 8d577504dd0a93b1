"""LocalProvider provisions, watches and ends sessions on a server in another process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from avatar_provider_local import LocalProvider, LocalSettings, client
from pydantic import SecretStr

from avatar_core import (
    ConfigError,
    Outcome,
    ProvisionedAvatar,
    ProvisionError,
    ProvisionRequest,
    SafeRetry,
    create_avatar,
)
from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    RejectedError,
    UnavailableError,
)
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.ports import find_free_ports
from avatar_core.testing.server.tokens import livekit_settings
from providers.local.tests.server_harness import KEY, Desk, Hanging, desk, flash, roomless, workers
from tests.livekit.live_conversation import SPOKEN_WORDS, LiveConversation

REMOTE = {"AVATAR_LOCAL_URL": "https://faces.example", "AVATAR_LOCAL_API_KEY": "canary"}


def at(url: str, key: str = KEY) -> LocalProvider:
    """The provider, reported of a server."""
    return LocalProvider(LocalSettings(url=url, api_key=SecretStr(key)))


async def never(*_: object, **__: object) -> Any:
    raise AssertionError("nothing is started here")


@pytest.fixture
def request_() -> ProvisionRequest:
    """A request for a room that does not exist; `claims` holds what the provider claimed."""
    suffix = secrets.token_hex(4)
    return ProvisionRequest(
        key=f"room-{suffix}",
        livekit_url="ws://127.0.0.1:9",
        room_name="room",
        agent_identity="agent",
        identity=f"local-avatar-{suffix}",
        deadline_s=20.0,
        mint=lambda spec: f"a token for {spec.identity}",
        claim=Claims(),
        start_worker=never,
    )


class Claims(list[ProvisionedAvatar]):
    """Everything that was claimed."""

    def __call__(self, avatar: ProvisionedAvatar) -> None:
        self.append(avatar)


async def failure(provider: LocalProvider, request: ProvisionRequest) -> ProvisionError:
    with pytest.raises(ProvisionError) as caught:
        await provider.provision(request)
    assert caught.value.provider in ("local", None)
    assert request.claim == []
    assert request.avatar_token() not in str(caught.value)
    return caught.value


@pytest.mark.livekit
async def test_agent_speaks_through_an_avatar_that_the_server_started(server: DevServer) -> None:
    async with desk(flash) as local:
        settings = LocalSettings(url=local.url, api_key=SecretStr(KEY))
        async with LiveConversation(server, settings) as conversation:
            await conversation.say_all(SPOKEN_WORDS[:6])
            conversation.check()
            assert conversation.avatar.provider == "local"
            assert local.sessions.alive == len(workers()) == 1
        assert local.sessions.alive == len(workers()) == 0


async def test_provider_creates_watches_and_ends_a_session_on_the_server(
    request_: ProvisionRequest,
) -> None:
    async with desk(roomless) as local:
        provider = at(local.url)
        avatar = await provider.provision(request_)
        assert [avatar] == request_.claim
        assert avatar.identity == request_.identity
        assert avatar.state == {"url": local.url}
        watching = asyncio.create_task(provider.watch(avatar))
        elsewhere = at(local.url)  # another process knows the record alone
        for _ in range(2):
            await elsewhere.release(avatar, "over")
            assert workers() == []
        assert await watching == "it was ended"


async def test_watch_reports_a_killed_worker(request_: ProvisionRequest) -> None:
    async with desk(roomless) as local:
        provider = at(local.url)
        watching = asyncio.create_task(provider.watch(await provider.provision(request_)))
        [worker] = workers()
        worker.kill()
        assert await watching == "its worker exited"


async def test_repeated_provision_gets_the_same_session(request_: ProvisionRequest) -> None:
    async with desk(roomless) as local:
        provider = at(local.url)
        once, again = [await provider.provision(request_) for _ in range(2)]
        other = await provider.provision(replace(request_, key="Räume\n" * 99))
        assert once == again
        assert other.session_id != once.session_id
        assert len(workers()) == 2
        assert provider.capabilities.safe_retry is SafeRetry.KEY
        assert LocalProvider.capabilities.safe_retry is SafeRetry.NEVER


async def test_session_unknown_to_the_server_counts_as_ended(request_: ProvisionRequest) -> None:
    async with desk(roomless) as local:
        provider = at(local.url)
        avatar = replace(await provider.provision(request_), session_id="s_../x")
        await provider.release(avatar, "over")
        assert await provider.watch(avatar) == "the server no longer knows the session"


async def test_watch_continues_while_the_server_is_unreachable(
    request_: ProvisionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = asyncio.Event()
    sleep = asyncio.sleep

    async def at_once(_: float) -> None:
        requested.set()
        await sleep(0)

    async with desk(roomless) as local:
        avatar = await at(local.url).provision(request_)
    port, _ = find_free_ports()
    monkeypatch.setattr(client.asyncio, "sleep", at_once)
    url = f"http://127.0.0.1:{port}"
    watching = asyncio.create_task(at(url).watch(replace(avatar, state={"url": url})))
    async with asyncio.timeout(5):
        await requested.wait()
    assert not watching.done()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_cancelled_provision_leaves_no_session(request_: ProvisionRequest) -> None:
    start = Hanging()
    async with desk(start) as local:
        starting = asyncio.create_task(at(local.url).provision(request_))
        await start.at_work.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await local.all_ended()
        assert (start.broken_off, local.sessions.alive) == (1, 0)


async def test_timed_out_provision_leaves_no_session(request_: ProvisionRequest) -> None:
    start = Hanging()
    async with desk(start) as local:
        error = await failure(at(local.url), replace(request_, deadline_s=0.2))
        assert (type(error), error.outcome) == (UnavailableError, Outcome.UNKNOWN)
        await local.all_ended()
        assert local.sessions.alive == 0


@asynccontextmanager
async def full() -> AsyncIterator[Desk]:
    async with desk(roomless, limit=1) as local:
        assert (await local.create()).status == 201
        yield local


async def test_full_server_raises_a_retryable_capacity_error(request_: ProvisionRequest) -> None:
    async with full() as local:
        error = await failure(at(local.url), request_)
    assert (type(error), error.outcome, error.retryable) == (CapacityError, Outcome.REJECTED, True)
    assert error.retry_after_s == 5.0


async def test_wrong_api_key_raises_auth_error(request_: ProvisionRequest) -> None:
    async with full() as local:
        error = await failure(at(local.url, "another-key"), request_)
        avatar = ProvisionedAvatar(session_id="s_1", identity="x", state={"url": local.url})
        with pytest.raises(AuthError):
            await at(local.url, "another-key").watch(avatar)
    assert (type(error), error.outcome) == (AuthError, Outcome.REJECTED)


@pytest.mark.livekit
async def test_token_that_the_room_rejects_raises_rejected_error(
    server: DevServer, request_: ProvisionRequest
) -> None:
    wrong = TokenMint(livekit_settings(server, api_secret="x" * 40), "room").mint
    async with desk(flash) as local:
        error = await failure(at(local.url), replace(request_, livekit_url=server.url, mint=wrong))
    assert (type(error), error.outcome) == (RejectedError, Outcome.REJECTED)
    assert "The connection to the room" in str(error)


async def test_unreachable_server_raises_unavailable_error(request_: ProvisionRequest) -> None:
    port, _ = find_free_ports()
    error = await failure(at(f"http://127.0.0.1:{port}"), request_)
    assert (type(error), error.outcome) == (UnavailableError, Outcome.NOT_SENT)


async def test_provision_for_a_room_in_memory_raises_provision_error(
    request_: ProvisionRequest,
) -> None:
    async with desk(roomless) as local:
        error = await failure(at(local.url), replace(request_, livekit_url=""))
        assert error.outcome is Outcome.NOT_SENT
        assert "Unset AVATAR_LOCAL_URL" in str(error)


async def test_release_without_an_api_key_raises_provision_error() -> None:
    avatar = ProvisionedAvatar(session_id="s_1", identity="x", state={"url": "https://a.example"})
    with pytest.raises(
        ProvisionError, match=r"on the server https://a\.example, but AVATAR_LOCAL_URL is not"
    ):
        await LocalProvider(LocalSettings()).release(avatar, "over")


async def test_api_key_is_not_sent_to_a_url_from_a_session_record() -> None:
    connections = 0

    def count(_: object, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    stranger = await asyncio.start_server(count, "127.0.0.1", 0)
    async with stranger, asyncio.timeout(10):
        url = f"http://127.0.0.1:{stranger.sockets[0].getsockname()[1]}"
        avatar = ProvisionedAvatar(session_id="s_1", identity="x", state={"url": url})
        provider = at("https://faces.example")
        for call in (provider.release(avatar, "over"), provider.watch(avatar)):
            with pytest.raises(ProvisionError, match="AVATAR_LOCAL_URL is https://faces") as caught:
                await call
            assert caught.value.outcome is Outcome.NOT_SENT
        assert connections == 0
        with pytest.raises(ProvisionError):
            await at(url).release(avatar, "over")
        assert connections == 1


@pytest.mark.parametrize(
    ("updates", "said"),
    [
        (
            {"AVATAR_LOCAL_API_KEY": None},
            "AVATAR_LOCAL_URL is set, but AVATAR_LOCAL_API_KEY is not",
        ),
        ({"AVATAR_LOCAL_URL": None}, "AVATAR_LOCAL_API_KEY is set, but AVATAR_LOCAL_URL is not"),
        (
            {"AVATAR_LOCAL_URL": "http://faces.example"},
            "plain http to faces.example",
        ),
        ({"AVATAR_LOCAL_URL": "faces.example"}, "AVATAR_LOCAL_URL: the URL is invalid"),
        (
            {"AVATAR_LOCAL_URL": "https://u:canary@x.example"},
            "must not contain a user name or a password",
        ),
    ],
)
def test_invalid_settings_raise_before_provisioning(
    updates: dict[str, str | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**REMOTE, **updates}.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=said) as caught:
        create_avatar("local")
    assert caught.value.provider == "local"
    assert "canary" not in str(caught.value)
