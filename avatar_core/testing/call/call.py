"""A call of a user with an application's own agent, whose avatar may have faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from livekit.agents import Agent, AgentSession, RunResult

from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.word_codes import WordCodes, split_speech
from avatar_core.testing.call.models import SessionFactory, create_session, replace_models
from avatar_core.testing.call.providers import CallProviders
from avatar_core.testing.call.results import CallResults, Phase
from avatar_core.testing.call.room import CallRoom, MemoryCallRoom, start_fault
from avatar_core.testing.call.transcript import Transcript, UserTurn
from avatar_core.testing.call.unread_results import UnreadResults, settle
from avatar_core.testing.clock import now
from avatar_core.testing.event_log import EventLog
from avatar_core.testing.fake_vendor.installed import MakeVendor
from avatar_core.testing.faults.by_name import NamedFault, find_fault

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
WAIT_S = 120.0
"""The longest time of a wait in a call, in seconds of the loop."""
REAL_WAIT_S = 30.0
QUIET_S = 0.3
"""Seconds of silence after which a speech has been heard."""
TICK_S = 0.1
Faults = str | Sequence[str]


class AvatarCall(CallResults):
    """A call of a user with the agent of an application, in a room in memory.

    The class starts an avatar and an `AgentSession` as an application does, and listens. The
    session keeps its language model, its tools and its hooks. Its voice is replaced by `ToneTTS`,
    so that the class can read the words that the user heard. The session has no speech
    recognition: `user_says` passes text to it.

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
        self._wait_s = REAL_WAIT_S if self._room.is_real else WAIT_S
        self._faults = [find_fault(name) for name in ([fault] if isinstance(fault, str) else fault)]

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
            self._explain(failure)
            await self._close()
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
        """
        await self.user_interrupts()
        last = self._transcript.turns[-1].result
        if last is not None and not last.done():
            await self._within(settle(last), "The agent did not end its last response")
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
            ConfigError: The fault is unknown, or cannot start now.
        """
        self._check_open()
        named = find_fault(fault)
        if named.takes_time:
            await start_fault(self._room, named.name, self.avatar)
        else:
            self._prepare(named)

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

        await self._within(finish(), "The agent did not finish")
        return result

    async def until_heard(self, spoken: str | int) -> None:
        """Wait until the user has heard a part of the agent's response.

        Args:
            spoken: A text of the response, or a number of words.

        Raises:
            AssertionError: The user did not hear the words in time.
        """
        self._check_open()

        def is_heard() -> bool:
            """Return whether the turn contains the words."""
            heard = self.heard
            if isinstance(spoken, int):
                return len(heard.split()) >= spoken
            return spoken in heard or " ".join(split_speech(spoken)[0]) in heard

        async def hear() -> None:
            """Look for the words again and again, since a recording has no events."""
            while not is_heard():  # noqa: ASYNC110
                await asyncio.sleep(TICK_S)

        expected = f"{spoken} words" if isinstance(spoken, int) else repr(spoken)
        await self._within(hear(), f"The user did not hear {expected}")

    async def until_event(self, event: str) -> None:
        """Wait until `events` contains an event that has not been there at the last wait.

        Args:
            event: The event in words, such as `mock joined`.

        Raises:
            AssertionError: The event did not happen in time.
        """
        self._check_open()
        assert self._events is not None
        await self._within(self._events.wait_for(event), f"The event {event!r} did not happen")

    # Start and end

    async def _open(self) -> None:
        settings = self._room.adapt(self._settings or AvatarSettings.load())
        room = await self._room.open()
        chain = await self._providers.resolve(settings, over_tcp=self._room.is_real)
        for named in self._faults:
            if all(candidate.provider is None for candidate in chain):
                raise ConfigError(
                    f"The call has no avatar, so the fault {named.name!r} has no effect.",
                    hint="Pass avatar='mock', or another provider, or remove the fault.",
                )
            self._prepare(named)
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
            await self.avatar.wait_for_join(timeout=self._wait_s)
        await self._room.wait_for_listener(self.avatar)

    async def _close(self) -> None:
        self._phase = Phase.ENDED
        try:
            if hasattr(self, "session"):
                await self.session.aclose()
            if hasattr(self, "avatar"):
                await self.avatar.aclose()
        finally:
            await self._room.aclose()
            await self._providers.aclose()

    def _prepare(self, fault: NamedFault) -> None:
        if fault.vendor is not None:
            self._providers.fail_vendor(fault.vendor)
        if fault.scenario is not None:
            self._providers.fail_next_worker(fault.scenario)

    async def _within(self, work: Awaitable[object], what: str) -> None:
        try:
            async with asyncio.timeout(self._wait_s) as limit:
                await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise AssertionError(f"{what} within {self._wait_s:g} s.") from None

    def _explain(self, error: BaseException | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, ConfigError):
            error.add_note(f"The call:\n{self.timeline()}")
