"""Checks of playback: conversations with the avatar in a room in memory.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.errors import JoinTimeoutError
from avatar_core.registry.discovery import VOICE
from avatar_core.settings import AvatarSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.provider.bench import AGENT, Bench, open_bench
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject

SPOKEN, CUT_AT = 12, 5
UNNOTICED_S = 300.0
"""Seconds until a vendor whose worker has crashed ends the session, if nobody else ends it."""
END_S = 10.0
"""Seconds from the end of a conversation until every session must have ended."""


@check("P40", Level.BRONZE)
async def avatar_speaks_every_word(suite: ProviderSubject) -> None:
    """In a conversation, the avatar of the provider speaks every word once."""
    load_provider(suite)
    async with open_bench(suite, speaks=True) as bench:
        async with _converse(bench) as talk:
            await talk.over(talk.say(SPOKEN))
            _check_hearing(talk)
            _check_speaker(bench, talk)
        await _check_end(bench)


@check("P41", Level.SILVER)
async def interruption_cuts_the_speech(suite: ProviderSubject) -> None:
    """After an interruption, the avatar is silent and the history holds the heard words only."""
    load_provider(suite)
    async with open_bench(suite, speaks=True) as bench:
        async with _converse(bench) as talk:
            turn = talk.say(SPOKEN)
            await talk.interrupt_at(turn, CUT_AT)
            await talk.over(turn)
            if len(turn.heard) > CUT_AT + 2:
                raise CheckFailed(
                    f"{len(turn.heard)} words were heard, although the speech was interrupted in "
                    f"word {CUT_AT + 1}.",
                    "Drop all audio that the avatar has not played when `cut` is called.",
                )
            await talk.over(talk.say(SPOKEN))
            _check_hearing(talk)
            _check_speaker(bench, talk)
        await _check_end(bench)


@check("P42", Level.SILVER)
async def speech_continues_after_the_worker_is_lost(suite: ProviderSubject) -> None:
    """If the avatar's worker crashes, the speech continues, and no session stays open."""
    load_provider(suite)
    async with open_bench(suite, speaks=True) as bench:
        if bench.provider.capabilities.ends_session:
            bench.account.left_timeout_s = UNNOTICED_S
        async with _converse(bench, retries=0) as talk:
            turn = talk.say(SPOKEN)
            await talk.until_heard(turn, CUT_AT)
            for identity in bench.sessions_in_room():
                bench.room.crash(identity)
            await talk.over(turn)
            _check_hearing(talk)
        await _check_end(bench)


@check("P43", Level.SILVER)
async def session_ends_if_its_worker_never_joins(suite: ProviderSubject) -> None:
    """If the worker of a session never joins, the agent's voice speaks and the session ends."""
    load_provider(suite)
    async with open_bench(suite, speaks=True) as bench:
        bench.fail("worker never joins")
        async with _converse(bench, retries=0, joins=False) as talk:
            await talk.over(talk.say(SPOKEN))
            _check_hearing(talk)
            with suppress(JoinTimeoutError):
                await talk.avatar.wait_for_join(timeout=1000.0)
        if bench.provider.capabilities.ends_session:
            await _check_end(bench)


@asynccontextmanager
async def _converse(
    bench: Bench, *, retries: int = 2, joins: bool = True
) -> AsyncIterator[Conversation]:
    """Start a conversation with the avatar of the provider."""
    async with open_bench(bench.suite) as trial:
        await trial.provision()  # raises Blocked if no avatar can be provisioned at all
    settings = AvatarSettings.model_construct(retries=retries)
    avatar = create_avatar([bench.provider], settings=settings, livekit=IN_MEMORY)
    talk = Conversation(avatar, bench.room, AGENT)
    async with talk:
        if joins:
            limit_s = 2 * max(settings.join_timeout_s, bench.provider.capabilities.expected_join_s)
            await avatar.wait_for_join(timeout=settings.provision_timeout_s + limit_s)
            if avatar.provider == VOICE:
                raise CheckFailed(
                    f"The avatar did not join, so the agent's voice speaks: {avatar.last_error}",
                    "Check `ready_on` in the Capabilities, and the token that the vendor receives.",
                )
        yield talk


def _check_hearing(talk: Conversation) -> None:
    if faults := talk.faults():
        raise CheckFailed(f"The conversation has faults: {'; '.join(faults[:3])}.")


def _check_speaker(bench: Bench, talk: Conversation) -> None:
    """Check that the avatar spoke, and not the agent's voice."""
    since_s = talk.turns[0].said_at
    speakers = {run.identity for run in bench.room.recording.runs if run.end_s > since_s}
    if AGENT in speakers:
        raise CheckFailed(
            f"The agent's own voice spoke in place of the avatar: {talk.avatar.last_error}",
            "Check that the avatar stays ready while it plays audio.",
        )
    if bench.vendor is not None and not bench.calls_of("create"):
        raise CheckFailed("The avatar speaks, but no create call reached the fake vendor.")


async def _check_end(bench: Bench) -> None:
    """Check that every session has ended after the conversation."""
    await asyncio.sleep(END_S)
    active = [session.id for session in bench.account.active] or sorted(bench.sessions_in_room())
    if active:
        raise CheckFailed(
            f"After the conversation, these sessions are still active: {', '.join(active)}.",
            "End the session in `release`.",
        )


CHECKS = (
    avatar_speaks_every_word,
    interruption_cuts_the_speech,
    speech_continues_after_the_worker_is_lost,
    session_ends_if_its_worker_never_joins,
)
