"""Checks of commands and of the probe.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import AuthError, UnsupportedCommandError
from avatar_core.contracts.provider import AvatarProvider, SinkContext
from avatar_core.tasks import describe_error
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.provider.bench import AGENT, DEADLINE_S, Bench, open_bench
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject

UNKNOWN_COMMAND = "no_such_command"
ARRIVAL_S = 0.1
"""Seconds within which a command arrives at a vendor in memory."""
SENDS = ("send", "call", "open_stream")


class _Link:
    """A room link that counts the messages that were sent through it."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self.sent = 0

    def __getattr__(self, name: str) -> Any:
        self.sent += name in SENDS
        return getattr(self._link, name)


@check("P50", Level.BRONZE)
async def unknown_command_is_refused(suite: ProviderSubject) -> None:
    """`control` raises UnsupportedCommandError with a hint for a command that it does not know."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        context, _ = await _make_context(bench)
        try:
            await bench.provider.control(context, {"name": UNKNOWN_COMMAND})
        except UnsupportedCommandError as error:
            if error.hint:
                return
            what = "raised an error without a hint"
        except Exception as error:
            what = f"raised {describe_error(error)}"
        else:
            what = "raised nothing"
        raise CheckFailed(
            f"For an unknown command, control {what}.",
            "Write at the end of `control`: await super().control(ctx, command)",
        )


@check("P51", Level.SILVER)
async def declared_commands_are_sent(suite: ProviderSubject) -> None:
    """`control` sends each command that the capabilities declare."""
    load_provider(suite)
    has_sink = suite.provider.create_sink is not AvatarProvider.create_sink
    async with open_bench(suite, speaks=has_sink) as bench:
        declared = bench.provider.capabilities.commands
        if not declared:
            raise NotApplicable("the provider declares no commands")
        if suite.provider.create_sink is not AvatarProvider.create_sink:
            raise NotApplicable("the commands need the provider's own transport to a live session")
        context, link = await _make_context(bench)
        async with _open_sink(bench, context):
            for name in sorted(declared):
                await _check_command(bench, context, link, name)


async def _check_command(bench: Bench, context: SinkContext, link: _Link, name: str) -> None:
    examples = bench.suite.commands
    if name not in examples:
        raise CheckFailed(
            f"The suite has no example of the command {name!r}.",
            f'Write in the suite: commands = {{"{name}": {{...arguments...}}}}',
        )
    before = _count_sent(bench, link)
    try:
        await bench.provider.control(context, {"name": name, **examples[name]})
    except Exception as error:
        raise CheckFailed(
            f"The declared command {name!r} raised {describe_error(error)}: {error}.",
            "Implement the command in `control`, or remove it from the Capabilities.",
        ) from None
    await asyncio.sleep(ARRIVAL_S)
    if _count_sent(bench, link) == before:
        raise CheckFailed(
            f"The declared command {name!r} sends nothing to the vendor or the avatar.",
            "Send the command with ctx.link.send, self.rest.call, or self.send for a WebSocket.",
        )


@check("P55", Level.SILVER)
async def probe_checks_the_key_without_a_session(suite: ProviderSubject) -> None:
    """`probe` accepts the key of the settings, refuses a wrong key, and creates no session."""
    load_provider(suite)
    if suite.provider.probe is AvatarProvider.probe:
        raise NotApplicable("the provider does not override probe")
    async with open_bench(suite) as bench:
        bench.need_vendor()
        if "api_key" not in suite.settings:
            raise NotApplicable("the settings of the suite have no api_key")
        try:
            await bench.provider.probe()
        except Exception as error:
            raise CheckFailed(
                f"probe raised {describe_error(error)} for a valid key: {error}",
                "Let `probe` and the fake vendor agree about the calls.",
            ) from None
        stranger = bench.make_provider(api_key="key-of-a-stranger")
        try:
            await stranger.probe()
        except AuthError:
            pass  # the vendor refuses the wrong key, as it should
        except Exception as error:
            raise CheckFailed(
                f"probe raised {describe_error(error)} instead of AuthError for a wrong key.",
                "Let `probe` call an endpoint of the vendor that needs the key.",
            ) from None
        else:
            raise CheckFailed(
                "probe accepts a wrong key.",
                "Let `probe` call an endpoint of the vendor that needs the key.",
            )
        if bench.account.sessions:
            raise CheckFailed(
                "probe created a session, which may cost money.",
                "Call an endpoint that reads something, such as the list of avatars.",
            )


async def _make_context(bench: Bench) -> tuple[SinkContext, _Link]:
    """Create the context that `control` receives, for a session of its own."""
    link: Any = _Link(bench.room.agent(AGENT))
    context = SinkContext(
        link=link,
        avatar=await bench.provision(),
        capabilities=bench.provider.capabilities,
        clock=loop_time,
        log=logging.LoggerAdapter(logging.getLogger("avatar_core"), {}),
    )
    link.sent = 0
    return context, link


@asynccontextmanager
async def _open_sink(bench: Bench, context: SinkContext) -> AsyncIterator[None]:
    """Open the sink of a provider that sends commands over its own connection."""
    sink = bench.provider.create_sink(context)
    try:
        if sink is not None:
            async with asyncio.timeout(DEADLINE_S):
                await sink.open()
        yield
    finally:
        if sink is not None:
            await sink.aclose()


def _count_sent(bench: Bench, link: _Link) -> int:
    sockets = bench.vendor.commands if isinstance(bench.vendor, SocketVendor) else ()
    return link.sent + len(bench.calls) + len(sockets)


CHECKS = (
    unknown_command_is_refused,
    declared_commands_are_sent,
    probe_checks_the_key_without_a_session,
)
