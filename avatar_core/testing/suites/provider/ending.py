"""Checks of `release`: the session ends, also twice, also from its record in another process.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, ProvisionError
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.tasks import RELEASE_S, describe_error
from avatar_core.testing.clock import now
from avatar_core.testing.fake_vendor.faults import FAULTS, VendorFault
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.provider.bench import Bench, open_bench
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject

END_FAULTS = {
    "end fails once": FAULTS["end fails once"],
    "end is lost": FAULTS["end is lost"],
    "end is silent": VendorFault(on="end", mode="silence"),
}
SETTLE_S = 0.5
"""Seconds until a worker has left the room after its session ended."""


@check("P20", Level.BRONZE)
async def release_ends_the_session(suite: ProviderSubject) -> None:
    """`release` ends the session, and `Capabilities.ends_session` says whether it does."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        avatar = await bench.provision()
        await _release(bench, avatar, "of an active session")
        await asyncio.sleep(SETTLE_S)
        ended, declared = _is_ended(bench, avatar), bench.provider.capabilities.ends_session
        if ended and not declared:
            raise CheckFailed(
                "release ends the session, but the capability ends_session is False.",
                "Declare Capabilities(ends_session=True).",
            )
        if declared and not ended:
            raise CheckFailed(
                "The capability ends_session is True, but the session continues after release.",
                "Send the end request of the vendor in `release`, or declare "
                "Capabilities(ends_session=False) if the vendor has none.",
            )


@check("P21", Level.SILVER)
async def release_accepts_a_session_that_has_ended(suite: ProviderSubject) -> None:
    """`release` does not raise for a session that has ended or that is unknown."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        avatar = await bench.provision(1)
        await _release(bench, avatar, "of an active session")
        await _release(bench, avatar, "of a session that it has ended before")
        if bench.vendor is None:
            return
        other = await bench.provision(2)
        for session in bench.account.active:
            bench.account.end(session, "the vendor ended it")
        await _release(bench, other, "of a session that the vendor has ended")
        unknown = ProvisionedAvatar(session_id="of/nobody", identity="x", state=avatar.state)
        await _release(bench, unknown, "of a session that the vendor does not know")


@check("P22", Level.SILVER)
async def release_needs_only_the_record(suite: ProviderSubject) -> None:
    """Another provider object ends the session, from the record after JSON."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        avatar = await bench.provision()
        if not bench.provider.capabilities.ends_session:
            raise NotApplicable("release of the provider does not end the session")
        record = read_record(write_record(avatar))
        for name in vars(bench.provider).keys() - vars(bench.make_provider()).keys():
            raise CheckFailed(
                f"provision stored the attribute {name} in the provider object.",
                "Store data about a session in ProvisionedAvatar.state.",
            )
        bench.provider = bench.make_provider()
        await _release(bench, record, "by another provider object")
        await asyncio.sleep(SETTLE_S)
        if not _is_ended(bench, avatar):
            raise CheckFailed(
                "The session continues after another provider object released its record.",
                "Put all data that `release` needs into the ProvisionedAvatar.",
            )


@check("P23", Level.SILVER)
async def release_raises_if_the_end_is_not_confirmed(suite: ProviderSubject) -> None:
    """If the vendor does not confirm the end, `release` raises a ProvisionError within 4 s."""
    load_provider(suite)
    for name, fault in END_FAULTS.items():
        async with open_bench(suite) as bench:
            avatar = await bench.provision()
            vendor = bench.need_vendor()
            if not bench.provider.capabilities.ends_session:
                raise NotApplicable("the vendor's API cannot end a session")
            vendor.fail(fault)
            started_s = now()
            error: BaseException | None = None
            try:
                async with asyncio.timeout(2 * RELEASE_S):
                    await bench.provider.release(avatar, "the check ends")
            except Exception as raised:
                error = raised
            if not bench.calls_of("end"):
                raise CheckFailed(
                    "The fake vendor recognises no request that ends a session, so it cannot have "
                    f"the fault {name!r}.",
                    'Let `operation_of` of the fake vendor return "end" for this request.',
                )
            if not isinstance(error, ProvisionError):
                what = f"raised {describe_error(error)}" if error else "raised nothing"
                raise CheckFailed(
                    f"Under the fault {name!r}, release {what}, so avatar-core believes that the "
                    "session has ended.",
                    "Let the error of RestClient.call pass; avatar-core calls release again.",
                )
            if now() - started_s > RELEASE_S:
                raise CheckFailed(
                    f"Under the fault {name!r}, release took more than {RELEASE_S:g} s.",
                    "Pass timeout_s=3.5 to the call that ends the session.",
                )


async def _release(bench: Bench, avatar: ProvisionedAvatar, case: str) -> None:
    try:
        async with asyncio.timeout(2 * RELEASE_S):
            await bench.provider.release(avatar, "the check ends")
    except Exception as error:
        said = str(error) if isinstance(error, AvatarError) else describe_error(error)
        raise CheckFailed(
            f"release {case} raised an error: {said}",
            "Treat a session that has ended or is unknown as success, for example with "
            "ended_statuses or is_ended of RestAvatarProvider.",
        ) from None


def _is_ended(bench: Bench, avatar: ProvisionedAvatar) -> bool:
    if bench.vendor is None:
        return avatar.identity not in bench.room.members
    session = bench.account.find(avatar.session_id)
    return session is not None and session.ended_at is not None


def write_record(avatar: ProvisionedAvatar) -> str:
    """Return the record of a session as JSON, as the ledger writes it.

    Args:
        avatar: The record.

    Returns:
        A JSON object.

    Raises:
        TypeError: The record is not JSON-safe.
    """
    return json.dumps(asdict(avatar))


def read_record(text: str) -> ProvisionedAvatar:
    """Return the record that `write_record` wrote.

    Args:
        text: A JSON object.

    Returns:
        The record.
    """
    fields = json.loads(text)
    audio = fields.pop("audio")
    return ProvisionedAvatar(audio=AudioFormat(**audio) if audio else None, **fields)


CHECKS = (
    release_ends_the_session,
    release_accepts_a_session_that_has_ended,
    release_needs_only_the_record,
    release_raises_if_the_end_is_not_confirmed,
)
