"""A purchase: what it tries again, what it waits for, and what it makes of odd providers."""

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
from avatar_core.provisioning.ledger import Ledger
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import AGENT, Scene, Vendor
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time

scenes: list[Scene] = []
Step = Callable[["Scripted", ProvisionRequest], Any]


class Scripted(Vendor):
    """Does what its script says, attempt after attempt.

    Attributes:
        at: When each attempt was made.
        tokens: What each would have sent.
        found: What a lookup finds.
    """

    def __init__(self, room: MemoryRoom, *script: Step | BaseException | object) -> None:
        super().__init__(room)
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
        self.bought.append(request.key)
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity)
        request.claim(avatar)
        return avatar

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        return self.found


def refused(**options: Any) -> ProvisionError:
    return CapacityError("no room.", outcome=Outcome.REJECTED, retryable=True, **options)


def lost() -> ProvisionError:
    return UnavailableError("no answer.", outcome=Outcome.UNKNOWN, retryable=True)


def not_sent() -> ProvisionError:
    return UnavailableError("refused.", outcome=Outcome.NOT_SENT, retryable=True)


@pytest.fixture
def room() -> MemoryRoom:
    return MemoryRoom()


@pytest_asyncio.fixture(autouse=True)
async def _scenes_are_closed() -> AsyncIterator[None]:
    yield
    while scenes:
        await scenes.pop().close()


async def bought(scene: Scene, vendor: Scripted) -> Lease | AvatarError:
    scenes.append(scene)
    try:
        return await Lease.provision(vendor, scene.context)
    except AvatarError as error:
        return error


@pytest.mark.parametrize("fault", [refused, not_sent])
async def test_what_made_nothing_is_tried_again(
    fault: Callable[[], ProvisionError], room: MemoryRoom
) -> None:
    vendor = Scripted(room, fault(), fault())
    result = await bought(Scene(room, vendor), vendor)
    assert isinstance(result, Lease)
    assert len(vendor.at) == 3
    assert vendor.at[1] - vendor.at[0] <= 0.5
    assert vendor.at[2] - vendor.at[1] <= 1.0
    assert len(set(vendor.identities)) == len(set(vendor.tokens)) == 1


async def test_waits_are_random_up_to_a_limit_that_doubles(room: MemoryRoom) -> None:
    waits: list[list[float]] = []
    for seed in range(30):
        random.seed(seed)
        vendor = Scripted(MemoryRoom(), *(not_sent() for _ in range(4)))
        await bought(Scene(vendor._room, vendor), vendor)
        waits.append([b - a for a, b in zip(vendor.at, vendor.at[1:], strict=False)])
    for number, limit_s in enumerate((0.5, 1.0, 2.0, 4.0)):
        column = [row[number] for row in waits]
        assert max(column) <= limit_s
        assert max(column) > 0.7 * limit_s
        assert min(column) < 0.3 * limit_s


async def test_the_vendor_says_how_long_to_wait(room: MemoryRoom) -> None:
    vendor = Scripted(room, refused(retry_after_s=7.0))
    assert isinstance(await bought(Scene(room, vendor), vendor), Lease)
    assert vendor.at[1] - vendor.at[0] >= 7.0


async def test_a_wait_beyond_the_budget_is_not_begun(room: MemoryRoom) -> None:
    vendor = Scripted(room, refused(retry_after_s=25.0))
    began = now()
    assert isinstance(await bought(Scene(room, vendor), vendor), CapacityError)
    assert now() == began
    assert len(vendor.at) == 1


async def test_tries_are_counted(room: MemoryRoom) -> None:
    vendor = Scripted(room, *(not_sent() for _ in range(9)))
    assert isinstance(await bought(Scene(room, vendor), vendor), UnavailableError)
    assert len(vendor.at) == 5


@pytest.mark.parametrize(
    "fault", [RejectedError("no.", outcome=Outcome.REJECTED), WorkerError("it died.")], ids=str
)
async def test_what_cannot_pass_is_not_tried_again(fault: AvatarError, room: MemoryRoom) -> None:
    vendor = Scripted(room, fault)
    assert await bought(Scene(room, vendor), vendor) is fault
    assert fault.provider == "vendor"
    assert len(vendor.at) == 1


@pytest.mark.parametrize(
    "given", [None, "avatar", ProvisionedAvatar(session_id="", identity="x")], ids=str
)
async def test_no_start_returns_without_an_avatar(given: object, room: MemoryRoom) -> None:
    vendor = Scripted(room, lambda *_: given)
    scene = Scene(room, vendor, provision_timeout_s=1.0)
    result = await bought(scene, vendor)
    assert isinstance(result, ProtocolError)
    assert "no avatar" in result.message


async def test_nothing_but_an_avatar_error_comes_out(room: MemoryRoom) -> None:
    vendor = Scripted(room, KeyError("a defect"))
    scene = Scene(room, vendor, provision_timeout_s=1.0)
    result = await bought(scene, vendor)
    assert isinstance(result, ProtocolError)
    assert isinstance(result.__cause__, KeyError)


async def test_the_log_shows_where_provision_broke_and_no_value(
    room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    tokens: list[str] = []

    def typo(vendor: Scripted, request: ProvisionRequest) -> ProvisionedAvatar:
        tokens.append(request.avatar_token())
        try:
            raise KeyError(tokens[0])
        except KeyError:
            return request.idntity  # type: ignore[attr-defined, no-any-return]

    vendor = Scripted(room, typo)
    result = await bought(Scene(room, vendor, provision_timeout_s=1.0), vendor)
    assert isinstance(result.__cause__, AttributeError)
    assert "has no attribute 'idntity' (test_provision.py, line " in str(result)
    assert "return request.idntity" in caplog.text
    assert "KeyError (test_provision.py, line " in caplog.text
    assert tokens[0] not in caplog.text


async def test_a_claim_beside_the_one_that_is_used_is_ended(room: MemoryRoom) -> None:
    def two(vendor: Scripted, request: ProvisionRequest) -> ProvisionedAvatar:
        for id in ("first", "second"):
            vendor.bought.append(id)
            request.claim(ProvisionedAvatar(session_id=id, identity=request.identity))
        return ProvisionedAvatar(session_id="second", identity=request.identity)

    vendor = Scripted(room, two)
    scene = Scene(room, vendor)
    result = await bought(scene, vendor)
    assert isinstance(result, Lease)
    await asyncio.sleep(0.1)
    assert [id for id, _ in vendor.released] == ["first"]
    await result.release("over")
    assert [id for id, _ in vendor.released] == ["first", "second"]


async def test_what_an_ambiguous_create_bought_is_used(room: MemoryRoom, tmp_path: Path) -> None:
    vendor = Scripted(room, lost())
    vendor.capabilities = Capabilities(
        ready_on="join", safe_retry=SafeRetry.LOOKUP, ends_session=True
    )
    vendor.found = ProvisionedAvatar(session_id="found", identity="")
    scene = Scene(room, vendor, ledger=tmp_path)
    result = await bought(scene, vendor)
    assert isinstance(result, Lease)
    assert result.avatar.session_id == "found"
    assert [result.avatar.identity] == vendor.identities
    (entry,) = Ledger(tmp_path).entries()
    assert entry.session_id == "found"
    vendor.found = None
    await result.release("over")
    assert Ledger(tmp_path).entries() == []


def comes(room: MemoryRoom, vendor: Scripted, after_s: float) -> None:
    """The worker of a lost create joins after all."""

    async def join() -> None:
        await asyncio.sleep(after_s)
        room.join(vendor.identities[0], is_agent=True, attributes={PUBLISH_ON_BEHALF: AGENT})
        room.published(vendor.identities[0], "video")

    vendor.joining = asyncio.create_task(join())  # type: ignore[attr-defined]


async def test_a_join_is_evidence(room: MemoryRoom, caplog: pytest.LogCaptureFixture) -> None:
    vendor = Scripted(room, lost())
    scene = Scene(room, vendor)
    comes(room, vendor, 3.0)
    result = await bought(scene, vendor)
    assert isinstance(result, Lease)
    assert [result.avatar.identity] == vendor.identities
    assert len(vendor.at) == 1
    assert "joined all the same" in caplog.text
    await result.release("over")
    assert vendor.identities[0] not in room.members
    assert vendor.released == []  # its vendor never named it


async def test_who_joins_after_the_deadline_is_put_out(room: MemoryRoom) -> None:
    vendor = Scripted(room, lost())
    scene = Scene(room, vendor)
    comes(room, vendor, 30.0)
    assert isinstance(await bought(scene, vendor), UnavailableError)
    assert now() == pytest.approx(20.0, abs=0.5)
    await asyncio.sleep(12.0)
    assert vendor.identities[0] not in room.members


async def test_a_purchase_that_cannot_be_ended_is_no_reason_to_buy_another(
    room: MemoryRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def claimed_then_refused(vendor: Scripted, request: ProvisionRequest) -> ProvisionedAvatar:
        request.claim(ProvisionedAvatar(session_id="s1", identity=request.identity))
        raise refused()

    vendor = Scripted(room, claimed_then_refused)

    async def broken(*_: object) -> None:
        raise RejectedError("no end today.")

    vendor.release = broken  # type: ignore[method-assign]
    scene = Scene(room, vendor, ledger=tmp_path)
    assert isinstance(await bought(scene, vendor), CapacityError)
    assert len(vendor.at) == 1
    (entry,) = Ledger(tmp_path).entries()
    assert entry.session_id == "s1"
    assert caplog.text.count("could not be ended") == 1


async def test_one_that_cancels_itself_is_an_error_of_its_package(room: MemoryRoom) -> None:
    vendor = Scripted(room, asyncio.CancelledError())
    result = await bought(Scene(room, vendor), vendor)
    assert isinstance(result, ProtocolError)
    assert "RuntimeError" in str(result)


async def test_a_second_claim_of_the_same_identity_leaves_the_first_its_worker(
    room: MemoryRoom, tmp_path: Path
) -> None:
    def twice(vendor: Scripted, request: ProvisionRequest) -> ProvisionedAvatar:
        request.claim(ProvisionedAvatar(session_id="s1", identity=request.identity))
        avatar = ProvisionedAvatar(session_id="s2", identity=request.identity)
        request.claim(avatar)
        return avatar

    vendor = Scripted(room, twice)
    scene = Scene(room, vendor, ledger=tmp_path)
    comes(room, vendor, 0.0)
    assert isinstance(await bought(scene, vendor), Lease)
    await asyncio.sleep(10.0)
    assert vendor.identities[0] in room.members
    assert [entry.session_id for entry in Ledger(tmp_path).entries()] == ["s2"]
