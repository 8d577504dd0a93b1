"""Checks of `release`: the session ends, also twice, also from its record in another process.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from avatar_core.contracts.errors import ProvisionError
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.tasks import RELEASE_S, describe_error
from avatar_core.testing.clock import now
from avatar_core.testing.clock import run as run_in_virtual_time
from avatar_core.testing.fake_vendor.faults import FAULTS, VendorFault
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.suites.check import (
    Blocked,
    CheckFailed,
    Level,
    NotApplicable,
    check,
    message_of,
)
from avatar_core.testing.suites.provider import release_process
from avatar_core.testing.suites.provider.bench import Bench, open_bench
from avatar_core.testing.suites.provider.discovery import IMPORT_S, load_provider
from avatar_core.testing.suites.provider.record import read_record, write_record
from avatar_core.testing.suites.provider.subject import ProviderSubject

END_FAULTS = {
    "end fails once": FAULTS["end fails once"],
    "end is lost": FAULTS["end is lost"],
    "end is silent": VendorFault(on="end", mode="silence"),
    "end answers 401": VendorFault(on="end", status=401),
    "end answers 429": VendorFault(on="end", status=429),
}
RECORD_HINT = "Put all data that `release` needs into the ProvisionedAvatar."
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
def release_needs_only_the_record(suite: ProviderSubject) -> None:
    """Another process ends the session, from the JSON record and the environment alone."""
    load_provider(suite)
    if reason := _why_not_elsewhere(suite):
        run_in_virtual_time(_release_by_another_object(suite))
        raise NotApplicable(reason)
    asyncio.run(_release_in_another_process(suite))


async def _release_by_another_object(suite: ProviderSubject) -> None:
    async with open_bench(suite) as bench:
        avatar = await _provision_to_end(bench)
        bench.provider = bench.make_provider()
        await _release(bench, read_record(write_record(avatar)), "by another provider object")
        await asyncio.sleep(SETTLE_S)
        _check_ended(bench, avatar, "another provider object")


async def _release_in_another_process(suite: ProviderSubject) -> None:
    """Release a session in another process; in true time, because processes need it."""
    async with open_bench(suite) as bench:
        avatar = await _provision_to_end(bench)
        async with serve_http(bench.need_vendor()) as url:
            order = {
                "path": sys.path,
                "provider": f"{suite.provider.__module__}:{suite.provider.__qualname__}",
                "url": url,
                "record": write_record(avatar),
            }
            with suite.environment(suite.variables()):
                done = await asyncio.to_thread(_run_release, json.dumps(order))
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no output"]
            if done.returncode == release_process.NOT_IMPORTED:
                raise Blocked("P03", f"another process cannot import the provider: {last[0]}")
            raise CheckFailed(f"release in another process failed: {last[0]}", RECORD_HINT)
        _check_ended(bench, avatar, "another process")


async def _provision_to_end(bench: Bench) -> ProvisionedAvatar:
    avatar = await bench.provision()
    if not bench.provider.capabilities.ends_session:
        raise NotApplicable("release of the provider does not end the session")
    return avatar


def _why_not_elsewhere(suite: ProviderSubject) -> str:
    """Return why no other process can end the session of this test; empty if one can."""
    if suite.vendor is None:
        return "the worker is a task in the process of the test, so no other process can end it"
    if type(suite).connect is not ProviderSubject.connect:
        return "the suite overrides connect, so another process cannot call the fake vendor"
    if "<locals>" in suite.provider.__qualname__:
        return "the provider class is inside a function, so another process cannot import it"
    return ""


def _run_release(order: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", release_process.__name__]
    return subprocess.run(  # noqa: S603 - the interpreter of this test
        command, input=order, capture_output=True, text=True, timeout=IMPORT_S
    )


def _check_ended(bench: Bench, avatar: ProvisionedAvatar, who: str) -> None:
    if not _is_ended(bench, avatar):
        raise CheckFailed(f"The session continues after {who} released its record.", RECORD_HINT)


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
        said = message_of(error)
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


CHECKS = (
    release_ends_the_session,
    release_accepts_a_session_that_has_ended,
    release_needs_only_the_record,
    release_raises_if_the_end_is_not_confirmed,
)
