"""Provisioning: retries and their waits, ambiguous outcomes, and providers with bugs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.errors import (
    AvatarError,
    CapacityError,
    Outcome,
    ProtocolError,
    ProvisionError,
    RejectedError,
    UnavailableError,
    WorkerError,
)
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.provisioning.lease import Lease
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider

pytestmark = pytest.mark.virtual_time

harnesses: list[FailoverHarness] = []
Step = Callable[["SteppedProvider", ProvisionRequest], Any]


class SteppedProvider(ScriptedProvider):
    """A provider with a step for each attempt: an exception, or a function; then it succeeds.

    Attributes:
        at: Seconds on the loop's clock of each attempt.
        tokens: The token of each attempt.
        identities: The identity of each attempt.
        found: The session that a lookup returns, if any.
    """

    def __init__(self, room: MemoryRoom, *script: Step | BaseException | object) -> None:
        super().__init__(room)
        self.joins, self.provision_s = False, 0.0
        self.capabilities = Capabilities(ready_on="join", expected_join_s=1.0)
        self.script = list(script)
        self.at: list[float] = []
        self.tokens: list[str] = []
        self.identities: list[str] = []
        self.found: ProvisionedAvatar | None = None

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.at.append(now())
        self.tokens.append(request.avatar_token())
        self.identities.append(request.identity)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, BaseException):
            raise step
        if callable(step):
            return step(self, request)  # type: ignore[no-any-return]
        return await super().provision(request)

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        return self.found


def refused(**options: Any) -> ProvisionError:
    return CapacityError(
        "the limit is reached.", outcome=Outcome.REJECTED, retryable=True, **options
    )


def unknown_outcome() -> ProvisionError:
    return UnavailableError("no response.", outcome=Outcome.UNKNOWN, retryable=True)


def not_sent() -> ProvisionError:
    return UnavailableError("the connection was refused.", outcome=Outcome.NOT_SENT, retryable=True)


@pytest.fixture
def room() -> MemoryRoom:
    return MemoryRoom()


@pytest_asyncio.fixture(autouse=True)
async def _close_harnesses() -> AsyncIterator[None]:
    yield
    while harnesses:
        await harnesses.pop().close()


async def provision(
    provider: SteppedProvider, harness: FailoverHarness | None = None, **options: Any
) -> Lease | AvatarError:
    """Provision once, in a new harness with the options or in the given one."""
    harness = harness or FailoverHarness(provider._room, provider, **options)
    harnesses.append(harness)
    try:
        return await Lease.provision(provider, harness.context)
    except AvatarError as error:
        return error


@pytest.mark.parametrize("fault", [refused, not_sent])
async def test_request_that_created_nothing_is_sent_again(
    fault: Callable[[], ProvisionError], room: MemoryRoom
) -> None:
    provider = SteppedProvider(room, fault(), fault())
    result = await provision(provider)
    assert isinstance(result, Lease)
    assert len(provider.at) == 3
    assert provider.at[1] - provider.at[0] <= 0.5
    assert provider.at[2] - provider.at[1] <= 1.0
    assert len(set(provider.identities)) == len(set(provider.tokens)) == 1


async def test_retry_waits_are_random_up_to_a_limit_that_doubles(room: MemoryRoom) -> None:
    waits: list[list[float]] = []
    for seed in range(30):
        random.seed(seed)
        provider = SteppedProvider(MemoryRoom(), *(not_sent() for _ in range(4)))
        await provision(provider)
        waits.append([b - a for a, b in zip(provider.at, provider.at[1:], strict=False)])
    for number, limit_s in enumerate((0.5, 1.0, 2.0, 4.0)):
        column = [row[number] for row in waits]
        assert max(column) <= limit_s
        assert max(column) > 0.7 * limit_s
        assert min(column) < 0.3 * limit_s


async def test_retry_waits_at_least_retry_after_s(room: MemoryRoom) -> None:
    provider = SteppedProvider(room, refused(retry_after_s=7.0))
    assert isinstance(await provision(provider), Lease)
    assert provider.at[1] - provider.at[0] >= 7.0


async def test_retry_later_than_the_deadline_is_not_attempted(room: MemoryRoom) -> None:
    provider = SteppedProvider(room, refused(retry_after_s=25.0))
    began = now()
    assert isinstance(await provision(provider), CapacityError)
    assert now() == began
    assert len(provider.at) == 1


async def test_provisioning_ends_after_five_attempts(room: MemoryRoom) -> None:
    provider = SteppedProvider(room, *(not_sent() for _ in range(9)))
    assert isinstance(await provision(provider), UnavailableError)
    assert len(provider.at) == 5


@pytest.mark.parametrize(
    "fault",
    [RejectedError("refused.", outcome=Outcome.REJECTED), WorkerError("the worker exited.")],
    ids=str,
)
async def test_permanent_error_is_not_retried(fault: AvatarError, room: MemoryRoom) -> None:
    provider = SteppedProvider(room, fault)
    assert await provision(provider) is fault
    assert fault.provider == "vendor"
    assert len(provider.at) == 1


@pytest.mark.parametrize(
    "given", [None, "avatar", ProvisionedAvatar(session_id="", identity="x")], ids=str
)
async def test_provider_that_returns_no_avatar_causes_a_protocol_error(
    given: object, room: MemoryRoom
) -> None:
    provider = SteppedProvider(room, lambda *_: given)
    result = await provision(provider, provision_timeout_s=1.0)
    assert isinstance(result, ProtocolError)
    assert "no avatar" in result.message


async def test_unexpected_exception_becomes_a_protocol_error(room: MemoryRoom) -> None:
    provider = SteppedProvider(room, KeyError("a bug"))
    result = await provision(provider, provision_timeout_s=1.0)
    assert isinstance(result, ProtocolError)
    assert isinstance(result.__cause__, KeyError)


async def test_log_of_an_unexpected_exception_names_its_line_and_no_value(
    room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    tokens: list[str] = []

    def typo(provider: SteppedProvider, request: ProvisionRequest) -> ProvisionedAvatar:
        tokens.append(request.avatar_token())
        try:
            raise KeyError(tokens[0])
        except KeyError:
            return request.idntity  # type: ignore[attr-defined, no-any-return]

    provider = SteppedProvider(room, typo)
    result = await provision(provider, provision_timeout_s=1.0)
    assert isinstance(result.__cause__, AttributeError)
    assert "has no attribute 'idntity' (test_provision.py, line " in str(result)
    assert "return request.idntity" in caplog.text
    assert "KeyError (test_provision.py, line " in caplog.text
    assert tokens[0] not in caplog.text


async def test_claimed_session_that_is_not_used_is_ended(room: MemoryRoom) -> None:
    def claim_two(provider: SteppedProvider, request: ProvisionRequest) -> ProvisionedAvatar:
        for id in ("first", "second"):
            provider.provisioned.append(id)
            request.claim(ProvisionedAvatar(session_id=id, identity=request.identity))
        return ProvisionedAvatar(session_id="second", identity=request.identity)

    provider = SteppedProvider(room, claim_two)
    result = await provision(provider)
    assert isinstance(result, Lease)
    await asyncio.sleep(0.1)
    assert [id for id, _ in provider.released] == ["first"]
    await result.release("over")
    assert [id for id, _ in provider.released] == ["first", "second"]


async def test_session_that_a_lookup_finds_is_used(room: MemoryRoom, tmp_path: Path) -> None:
    provider = SteppedProvider(room, unknown_outcome())
    provider.capabilities = Capabilities(
        ready_on="join", safe_retry=SafeRetry.LOOKUP, ends_session=True
    )
    provider.found = ProvisionedAvatar(session_id="found", identity="")
    harness = FailoverHarness(room, provider, ledger=tmp_path)
    result = await provision(provider, harness)
    assert isinstance(result, Lease)
    assert result.avatar.session_id == "found"
    assert [result.avatar.identity] == provider.identities
    (ledger_entry,) = await harness.read_ledger()
    assert ledger_entry.session_id == "found"
    provider.found = None
    await result.release("over")
    assert await harness.read_ledger() == []


def join_later(room: MemoryRoom, provider: SteppedProvider, after_s: float) -> None:
    """Let the worker of a request without a response join after `after_s` seconds."""

    async def join() -> None:
        await asyncio.sleep(after_s)
        room.join(provider.identities[0], is_agent=True, attributes={PUBLISH_ON_BEHALF: AGENT})
        room.published(provider.identities[0], "video")

    provider.joining = asyncio.create_task(join())  # type: ignore[attr-defined]


async def test_avatar_that_joins_after_a_lost_response_is_used(
    room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    provider = SteppedProvider(room, unknown_outcome())
    join_later(room, provider, 3.0)
    result = await provision(provider)
    assert isinstance(result, Lease)
    assert [result.avatar.identity] == provider.identities
    assert len(provider.at) == 1
    assert "joined the room although" in caplog.text
    await result.release("over")
    assert provider.identities[0] not in room.members
    assert provider.released == []  # the vendor never named the session


async def test_avatar_that_joins_after_the_deadline_is_removed(room: MemoryRoom) -> None:
    provider = SteppedProvider(room, unknown_outcome())
    join_later(room, provider, 30.0)
    assert isinstance(await provision(provider), UnavailableError)
    assert now() == pytest.approx(20.0, abs=0.5)
    await asyncio.sleep(12.0)
    assert provider.identities[0] not in room.members


async def test_session_that_cannot_be_ended_prevents_another_attempt(
    room: MemoryRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def claim_then_raise(provider: SteppedProvider, request: ProvisionRequest) -> ProvisionedAvatar:
        request.claim(ProvisionedAvatar(session_id="s1", identity=request.identity))
        raise refused()

    provider = SteppedProvider(room, claim_then_raise)

    async def refuse(*_: object) -> None:
        raise RejectedError("the session cannot be ended.")

    provider.release = refuse  # type: ignore[method-assign]
    harness = FailoverHarness(room, provider, ledger=tmp_path)
    assert isinstance(await provision(provider, harness), CapacityError)
    assert len(provider.at) == 1
    (ledger_entry,) = await harness.read_ledger()
    assert ledger_entry.session_id == "s1"
    assert caplog.text.count("avatar-core could not end") == 1


async def test_provider_that_cancels_itself_causes_a_protocol_error(room: MemoryRoom) -> None:
    provider = SteppedProvider(room, asyncio.CancelledError())
    result = await provision(provider)
    assert isinstance(result, ProtocolError)
    assert "RuntimeError" in str(result)


async def test_ending_an_unused_claim_keeps_a_worker_of_the_same_identity(
    room: MemoryRoom, tmp_path: Path
) -> None:
    def claim_twice(provider: SteppedProvider, request: ProvisionRequest) -> ProvisionedAvatar:
        request.claim(ProvisionedAvatar(session_id="s1", identity=request.identity))
        avatar = ProvisionedAvatar(session_id="s2", identity=request.identity)
        request.claim(avatar)
        return avatar

    provider = SteppedProvider(room, claim_twice)
    harness = FailoverHarness(room, provider, ledger=tmp_path)
    join_later(room, provider, 5.0)
    assert isinstance(await provision(provider, harness), Lease)
    await asyncio.sleep(10.0)
    assert provider.identities[0] in room.members
    assert [one.session_id for one in await harness.read_ledger()] == ["s2"]
