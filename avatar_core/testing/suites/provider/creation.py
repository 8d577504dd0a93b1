"""Checks of `provision`: one create request, the claim, the deadline, and the golden request.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from typing import Any

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import AvatarError, ProvisionError
from avatar_core.provisioning.provision import Provisioning
from avatar_core.settings import AvatarSettings
from avatar_core.tasks import describe_error
from avatar_core.testing.clock import now
from avatar_core.testing.fake_vendor.expected import CREATE_ERRORS
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check, message_of
from avatar_core.testing.suites.provider.bench import AGENT, Bench, Call, open_bench
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.golden import compare_golden
from avatar_core.testing.suites.provider.record import check_record
from avatar_core.testing.suites.provider.subject import ProviderSubject

log = logging.getLogger("avatar_core")

IN_DOUBT = (
    *("500 after create", "reset before create", "reset after create", "every response is lost"),
    *("timeout after create", "trickle", "html", "empty 200", "huge body"),
)
"""The faults after which avatar-core does not know whether a session exists."""
SHORT_S = 2.0
MARGIN_S = 0.5
"""Seconds by which `provision` may exceed its deadline."""


@check("P10", Level.BRONZE)
async def provision_creates_a_session(suite: ProviderSubject) -> None:
    """`provision` creates one session at the vendor, claims it, and returns its record."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        request = bench.request()
        try:
            async with asyncio.timeout(2 * request.deadline_s):
                avatar = check_record(await bench.provider.provision(request))
        except CheckFailed:
            raise
        except Exception as error:
            said = message_of(error)
            raise CheckFailed(
                f"provision raised an error at a working vendor: {said}",
                "Compare the request and the fake vendor with the documentation of the vendor.",
            ) from None
        if bench.vendor is not None:
            _check_vendor(bench, avatar.session_id)
        elif avatar.identity not in bench.room.members:
            raise CheckFailed(
                f"After provision, no participant {avatar.identity} is in the room.",
                "Return the identity that the worker joins with.",
            )
        if [claim.session_id for claim in bench.claims] != [avatar.session_id]:
            raise CheckFailed(
                f"provision claimed {len(bench.claims)} sessions, and returned one session.",
                "Call request.claim(avatar) once, as soon as the session exists.",
            )


def _check_vendor(bench: Bench, session_id: str) -> None:
    if not bench.calls_of("create"):
        seen = ", ".join(f"{call.method} {call.path}" for call in bench.calls) or "none"
        raise CheckFailed(
            f"No create call reached the fake vendor (calls: {seen}), so the suite checks nothing.",
            "Override `operation_of` of the fake vendor for its routes, and `connect` of the suite "
            "if the provider does not use the attribute `transport`.",
        )
    ids = [session.id for session in bench.account.sessions]
    if ids != [session_id]:
        raise CheckFailed(
            f"provision returned the session {session_id!r}, but the vendor created {ids}.",
            "Return the id of the session from the vendor's response.",
        )


@check("P11", Level.SILVER)
async def session_is_claimed_before_the_next_await(suite: ProviderSubject) -> None:
    """`provision` calls `request.claim` before it awaits anything after the vendor's response."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        late: list[bool] = []

        def look(_: Call) -> None:
            """Look at the claims after the step of the event loop in which the response arrives."""
            if bench.account.sessions:
                asyncio.get_running_loop().call_soon(lambda: late.append(not bench.claims))

        bench.need_vendor()
        bench.on_response = look
        await bench.provision()
        if any(late) and bench.claims:
            raise CheckFailed(
                "provision awaited something after the vendor created the session and before "
                "request.claim. A cancellation there leaves a paid session that nobody ends.",
                "Call request.claim(avatar) directly after the response.",
            )


@check("P12", Level.SILVER)
async def one_create_after_an_unknown_outcome(suite: ProviderSubject) -> None:
    """avatar-core creates at most one session if the outcome of a create request is unknown.

    If the provider claimed the session, avatar-core may end it and create another one.
    """
    load_provider(suite)
    for fault in IN_DOUBT:
        async with open_bench(suite) as bench:
            bench.fail(fault)
            can = bench.provider.capabilities
            retry = can.safe_retry
            await start_with_core(bench)
            created = len(bench.account.sessions)
            alive = bench.account.peak_active if retry is SafeRetry.NEVER else created
            if alive > 1 or (retry is SafeRetry.NEVER and _repeats_without_end(bench)):
                raise CheckFailed(
                    f"After the fault {fault!r}, {len(bench.calls_of('create'))} create requests "
                    f"created {created} sessions (safe_retry is {retry.value}).",
                    "Raise errors with the outcome UNKNOWN, and declare KEY or LOOKUP only if the "
                    "vendor's API has an idempotency key or a list of sessions.",
                )
            if retry is SafeRetry.LOOKUP and can.ends_session and bench.account.active:
                raise CheckFailed(
                    f"After the fault {fault!r}, a session that `lookup` should find is still "
                    "active.",
                    "Let `lookup` find active sessions by the key of the request.",
                )


def _repeats_without_end(bench: Bench) -> bool:
    """Return whether a create request followed another one whose session was not ended between."""
    operations = [call.operation for call in bench.calls if call.operation in ("create", "end")]
    return ("create", "create") in pairwise(operations)


async def start_with_core(bench: Bench) -> None:
    """Start and end an avatar as avatar-core does, with all its retries.

    Args:
        bench: The bench.
    """
    context = bench.room.agent(AGENT).session_context(AvatarSettings.model_construct())
    try:
        ledger_entry = await Provisioning(bench.provider, context).run()
        end = context.releaser.end(bench.provider, ledger_entry, "the check ends")
        await asyncio.shield(context.releaser.tasks.start(end, "end"))
    except AvatarError as error:
        log.debug("The start failed, as the fault of the check demands: %s", error)
    while context.releaser.tasks.running:
        await asyncio.wait(context.releaser.tasks.running)
    await context.releaser.aclose()


@check("P16", Level.SILVER)
async def provision_sends_one_create_request(suite: ProviderSubject) -> None:
    """A call of `provision` sends one create request; avatar-core makes the retries."""
    load_provider(suite)
    for fault in ("", *CREATE_ERRORS):
        async with open_bench(suite) as bench:
            bench.need_vendor()
            if fault:
                bench.fail(fault)
            await provision_error(bench)
            if len(bench.calls_of("create")) > 1:
                raise CheckFailed(
                    f"provision sent {len(bench.calls_of('create'))} create requests"
                    + (f" under the fault {fault!r}." if fault else "."),
                    "Send one request, and raise the error of its failure. avatar-core repeats the "
                    "request where that is safe.",
                )


@check("P17", Level.SILVER)
async def provision_ends_within_its_deadline(suite: ProviderSubject) -> None:
    """`provision` ends within `request.deadline_s`, even if every response is slow or missing."""
    load_provider(suite)
    for fault in ("timeout before create", "trickle", ""):
        async with open_bench(suite) as bench:
            bench.need_vendor()
            if fault:
                bench.fail(fault)
            else:
                bench.delay_s = 0.8 * SHORT_S
            started_s = now()
            error = await provision_error(bench, deadline_s=SHORT_S)
            took_s = now() - started_s
            if took_s > SHORT_S + MARGIN_S or isinstance(error, TimeoutError):
                case = f"with the fault {fault!r}" if fault else "with slow responses"
                raise CheckFailed(
                    f"provision took more than {SHORT_S + MARGIN_S:g} s {case}, but its deadline "
                    f"is {SHORT_S:g} s.",
                    "Pass request.deadline_s as timeout_s of the call, or wrap all calls in "
                    "asyncio.timeout(request.deadline_s) and raise UnavailableError.",
                )


@check("P18", Level.SILVER)
async def requests_equal_the_golden_files(suite: ProviderSubject) -> None:
    """The requests that create and end a session equal the golden files of the provider."""
    load_provider(suite)
    for name, settings in {"default": {}, **suite.golden_cases}.items():
        async with open_bench(suite, **settings) as bench:
            bench.need_vendor()
            avatar = await bench.provision()
            await bench.provider.release(avatar, "the check ends")
            compare_golden(suite, bench, name)


@check("P19", Level.SILVER)
async def lookup_finds_the_session_of_a_key(suite: ProviderSubject) -> None:
    """`lookup` returns the active session that a key created, and None for another key."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        bench.need_vendor()
        if bench.provider.capabilities.safe_retry is not SafeRetry.LOOKUP:
            raise NotApplicable("the provider does not declare SafeRetry.LOOKUP")
        avatar = await bench.provision(1)
        await bench.provision(2)
        found = await bench.provider.lookup(bench.request(1).key)
        if found is None or found.session_id != avatar.session_id:
            raise CheckFailed(
                f"lookup returned {found and found.session_id!r} for the key of the session "
                f"{avatar.session_id!r}.",
                "Find the session by the name or the metadata that `provision` sent.",
            )
        if (other := await bench.provider.lookup("suite-room-of-nobody")) is not None:
            raise CheckFailed(
                f"lookup returned the session {other.session_id!r} for a key that created none.",
                "Compare the whole key, and return None if no session has it.",
            )


async def provision_error(bench: Bench, *, deadline_s: float = SHORT_S) -> BaseException | None:
    """Call `provision`, and return the exception that it raises.

    Args:
        bench: The bench.
        deadline_s: Seconds that `provision` may take.

    Returns:
        The exception; `TimeoutError` if `provision` does not end within three times the deadline;
        None if `provision` raised nothing.
    """
    try:
        async with asyncio.timeout(3 * deadline_s):
            await bench.provider.provision(bench.request(deadline_s=deadline_s))
    except (Exception, asyncio.CancelledError) as error:
        return error
    return None


def as_provision_error(error: Any, fault: str) -> ProvisionError:
    """Check that the exception of a provision is a `ProvisionError`.

    Args:
        error: The exception, or None.
        fault: The fault of the vendor.

    Returns:
        The error.

    Raises:
        CheckFailed: Another exception escaped, or none.
    """
    if isinstance(error, ProvisionError):
        return error
    what = f"raised {describe_error(error)}" if error is not None else "raised nothing"
    raise CheckFailed(
        f"Under the fault {fault!r}, provision {what}.",
        "Raise a ProvisionError with an outcome; RestClient.call does this for each failed call.",
    )


CHECKS = (
    provision_creates_a_session,
    session_is_claimed_before_the_next_await,
    one_create_after_an_unknown_outcome,
    provision_sends_one_create_request,
    provision_ends_within_its_deadline,
    requests_equal_the_golden_files,
    lookup_finds_the_session_of_a_key,
)
