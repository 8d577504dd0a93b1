"""A call of a user with an application's own agent, whose avatar may have faults."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from livekit.agents import Agent, AgentSession, RunResult

from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.word_codes import WordCodes
from avatar_core.testing.call.arguments import (
    check_event,
    check_message,
    check_options,
    check_spoken,
    find_faults,
)
from avatar_core.testing.call.models import SessionFactory, create_session, replace_models
from avatar_core.testing.call.patience import Patience
from avatar_core.testing.call.providers import CallProviders
from avatar_core.testing.call.results import CallResults, Phase
from avatar_core.testing.call.room import CallRoom, MemoryCallRoom
from avatar_core.testing.call.transcript import Transcript, UserTurn
from avatar_core.testing.call.unread_results import UnreadResults, close_session, settle
from avatar_core.testing.clock import now
from avatar_core.testing.event_log import EventLog
from avatar_core.testing.fake_vendor.installed import MakeVendor
from avatar_core.testing.faults.by_name import find_fault

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
WAIT_S, MOST_WAIT_S = 120.0, 3600.0
"""The longest time of a wait in which nothing is heard and nothing happens, and of a wait with an
agent that speaks, in seconds of the loop."""
REAL_WAIT_S, REAL_MOST_WAIT_S = 30.0, 900.0
QUIET_S = 0.3
"""Seconds of silence after which a speech has been heard."""
TICK_S = 0.1
Faults = str | Sequence[str]


class AvatarCall(CallResults):
    """A call of a user with the agent of an application, in a room in memory.

    The class starts an avatar and an `AgentSession` as an application does, and listens. The
    session keeps its language model, its tools and its hooks. Its voice is replaced by `ToneTTS`,
    so that the class can read the words that the user heard. The session has no speech
    recognition: `user_says` passes text to it. The end of the call raises an error if a fault had
    no effect.

    Args:
        agent: The agent that starts the call.
        session: The `AgentSession`, or a function that creates it. None creates a session for an
            agent that has its own language model.
        avatar: The providers of the avatar, as for `create_avatar`.
        fault: The name of a fault in `FAULT_NAMES`, or a sequence of names. A name may end with a
            time after the join, such as `worker dies at 2 s`. Each fault of a worker applies to one
            avatar, in order; a fault of a vendor applies to the first provider of the chain.
        vendor: A subclass of `FakeVendor` that imitates the vendor of the avatar's provider. None
            uses the fake vendor that the distribution of the provider offers.
        settings: The settings of avatar-core; None reads the variables `AVATAR_*`.
        registry: Finds providers by name; None finds the installed providers.
        wait_for_join: Whether entering the call waits until the avatar has joined or all providers
            have failed.
        room: The room of the call; None for a new room in memory.

    Attributes:
        avatar: The avatar, from the start of the call.
        session: The agent session, from the start of the call.

    Raises:
        ConfigError: A fault or a provider is unknown, or the agent has no language model.
    """

    avatar: AvatarSession

    def __init__(
        self,
        agent: Agent,
        *,
        session: SessionFactory | AgentSession[Any] | None = None,
        avatar: Item | Sequence[Item] = "mock",
        fault: Faults = (),
        vendor: MakeVendor | None = None,
        settings: AvatarSettings | None = None,
        registry: ProviderRegistry | None = None,
        wait_for_join: bool = True,
        room: CallRoom | None = None,
    ) -> None:
        check_options(
            session=session,
            vendor=vendor,
            settings=settings,
            registry=registry,
            wait_for_join=wait_for_join,
        )
        self._agent = agent
        self._make_session = session
        self._room: CallRoom = room or MemoryCallRoom()
        self._settings = settings
        self._wait_for_join = wait_for_join
        self._codes = WordCodes()
        super().__init__(
            CallProviders(avatar, vendor, registry, self._room),
            Transcript(self._codes, self._room.tones),
        )
        self._unread = UnreadResults()
        is_real = self._room.is_real
        self._patience = Patience(
            self._read_progress,
            quiet_s=REAL_WAIT_S if is_real else WAIT_S,
            most_s=REAL_MOST_WAIT_S if is_real else MOST_WAIT_S,
        )
        self._faults = find_faults(fault)

    async def __aenter__(self) -> Self:
        if self._phase is not Phase.NEW:
            self._refuse()
        self._phase = Phase.OPEN
        try:
            await self._open()
        except BaseException as error:
            self._explain(error)
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        failure = error
        try:
            failure = error or await self._unread.find_error(self.session)
        finally:
            ended_s = now()
            self._explain(failure)
            hang = await self._close()
        if failure is None:
            failure = hang or self._providers.faults.find_unused(ended_s)
            self._explain(failure)
        if failure is not None and failure is not error:
            raise failure

    # Actions of the user

    async def user_says(self, text: str) -> RunResult[Any]:
        """Send a message of the user to the agent. This interrupts the agent if it speaks.

        Args:
            text: The message.

        Returns:
            The result of `AgentSession.run`, which fills while the agent responds. After
            `agent_finished`, its attribute `expect` checks the messages, tool calls and hand-offs
            in order.

        Raises:
            AssertionError: The agent did not stop its last response in time.
            ConfigError: The message is empty or no text.
        """
        check_message(text)
        await self.user_interrupts()
        last = self._transcript.turns[-1].result
        if last is not None and not last.done():
            await self._patience.wait(settle(last), "The agent did not end its last response")
        result: RunResult[Any] = self.session.run(user_input=text)
        self._unread.add(result)
        self._transcript.begin_turn(UserTurn(text, now(), result))
        return result

    async def user_interrupts(self) -> None:
        """Interrupt the agent, as a user does who begins to speak."""
        self._check_open()
        try:
            await self.session.interrupt()
        except RuntimeError:  # the speech allows no interruptions
            return

    async def inject(self, fault: str) -> None:
        """Start a fault now: at the live avatar, or at the next request to the vendor.

        Args:
            fault: A name in `FAULT_NAMES`, without a time. A fault that has no time, such as
                `avatar never joins`, applies to the next avatar.

        Raises:
            ConfigError: The fault is unknown, cannot start now, or cannot have an effect.
        """
        self._check_open()
        await self._providers.faults.start(find_fault(fault), self.avatar)

    # Waits

    async def agent_finished(self) -> RunResult[Any] | None:
        """Wait until the agent has nothing more to say and the user has heard everything.

        Returns:
            The result of the last `user_says`; None before the first one.

        Raises:
            AssertionError: The agent did not finish in time.
            Exception: The language model or a tool raised the exception.
        """
        self._check_open()
        result = self._transcript.turns[-1].result
        self._unread.discard(result)

        async def finish() -> None:
            """Wait for the response, for tools and hand-offs, and for silence."""
            if result is not None:
                await result
            await self.session.wait_for_idle()
            await asyncio.sleep(QUIET_S)
            await self.session.wait_for_idle()

        await self._patience.wait(finish(), "The agent did not finish")
        return result

    async def until_heard(self, spoken: str | int) -> None:
        """Wait until the user has heard a part of the agent's response.

        Args:
            spoken: A text of the response, or a number of words from 1.

        Raises:
            AssertionError: The user did not hear the words in time.
            ConfigError: The argument is neither a text with a word nor a number of words.
        """
        self._check_open()
        check_spoken(spoken)

        async def hear() -> None:
            """Look for the words again and again, since a recording has no events."""
            turns = self._transcript.turns
            while not self._transcript.contains(turns[-1], spoken):  # noqa: ASYNC110
                await asyncio.sleep(TICK_S)

        expected = f"{spoken} words" if isinstance(spoken, int) else repr(spoken)
        await self._patience.wait(hear(), f"The user did not hear {expected}")

    async def until_event(self, event: str) -> None:
        """Wait until `events` contains an event that has not been there at the last wait.

        Args:
            event: The event in words, such as `mock joined`.

        Raises:
            AssertionError: The event did not happen in time.
            ConfigError: No event of an avatar has such a description.
        """
        self._check_open()
        check_event(event)
        assert self._events is not None
        happened = self._events.wait_for(event)
        await self._patience.wait(happened, f"The event {event!r} did not happen")

    # Start and end

    async def _open(self) -> None:
        settings = self._room.adapt(self._settings or AvatarSettings.load())
        room = await self._room.open()
        chain = await self._providers.resolve(settings, over_tcp=self._room.is_real)
        for named in self._faults:
            self._providers.faults.prepare(named)
        self.session = create_session(self._agent, self._make_session)
        self.avatar = AvatarSession(chain, settings, self._room.livekit)
        self._events = EventLog(self.avatar)
        replace_models(self.session, self._codes)
        self._transcript.begin_turn(UserTurn("", now(), None))
        await self.avatar.start(self.session, room)
        await self._room.start_session(self.session, self._agent)
        if self._wait_for_join:
            await self._join()

    async def _join(self) -> None:
        with suppress(AvatarError):  # a fault may keep the avatar out, as `events` says
            await self.avatar.wait_for_join(timeout=self._patience.quiet_s)
        await self._room.wait_for_listener(self.avatar)

    async def _close(self) -> AssertionError | None:
        """End the call; return an error if the agent session hangs."""
        self._phase = Phase.ENDED
        hang = None
        try:
            if hasattr(self, "session"):
                hang = await close_session(self.session)
            if hasattr(self, "avatar"):
                await self.avatar.aclose()
        finally:
            await self._room.aclose()
            await self._providers.aclose()
        return hang

    def _read_progress(self) -> tuple[int, int, int]:
        """Return numbers that change as long as words are heard and events happen."""
        heard = self._transcript.heard_so_far()
        return len(heard), len(self.events), len(self.session.history.items)

    def _explain(self, error: BaseException | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, ConfigError):
            error.add_note(f"The call:\n{self.timeline()}")
