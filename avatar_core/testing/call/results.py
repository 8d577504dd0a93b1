"""The results of a call: the words that were heard, the chat history, and the events."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from livekit.agents import AgentSession

from avatar_core.contracts.errors import ConfigError
from avatar_core.testing.call.providers import CallProviders
from avatar_core.testing.call.sessions import Sessions
from avatar_core.testing.call.transcript import Transcript, UserTurn
from avatar_core.testing.event_log import EventLog
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.script import Said, said

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module


class Phase(Enum):
    """Whether a call has started, and whether it has ended."""

    NEW = "The call has not started."
    OPEN = "The call has started already."
    ENDED = "The call has ended."


class CallResults:
    """The results of a call, during the call and after it.

    Args:
        providers: The providers of the call.
        transcript: Reads the words that the user heard.

    Attributes:
        session: The agent session, from the start of the call.
    """

    session: AgentSession[Any]

    def __init__(self, providers: CallProviders, transcript: Transcript) -> None:
        self._providers = providers
        self._transcript = transcript
        self._events: EventLog | None = None
        self._phase = Phase.NEW

    @property
    def heard(self) -> str:
        """The words that the user has heard since the last `user_says`, separated by spaces."""
        self._check_started()
        return self._transcript.heard(self._transcript.turns[-1])

    @property
    def turns(self) -> Sequence[UserTurn]:
        """The turns of the call, in order.

        The first turn begins with the call, and each other one with a message of the user.
        """
        self._check_started()
        return self._transcript.turns_with_speech()

    @property
    def history(self) -> Said:
        """Role and text of each message of user and agent in the chat history."""
        self._check_started()
        return said(self.session.history)

    @property
    def events(self) -> list[str]:
        """The events of the avatar in words, such as `mock joined` and `voice speaks`."""
        return [sentence for _, sentence in self._events.sentences] if self._events else []

    @property
    def sessions(self) -> Sessions:
        """The number of paid sessions that were `created`, and how many of them are `open`."""
        return self._providers.sessions

    @property
    def vendor(self) -> FakeVendor:
        """The fake vendor of the call.

        Raises:
            ConfigError: The call has no fake vendor, or several.
        """
        vendors = list(self._providers.vendors.values())
        if len(vendors) != 1:
            raise ConfigError(
                f"The call has {len(vendors)} fake vendors.",
                hint="Read `call.sessions` instead.",
            )
        return vendors[0]

    def problems(self) -> list[str]:
        """Compare the words that the user heard with the chat history.

        Returns:
            One sentence for each word that the history contains although nobody heard it, and for
            words that were heard more than once; empty if there are none.
        """
        return self._transcript.problems(self.history)

    def timeline(self) -> str:
        """Return what happened in the call, a line for each event, with its time.

        Returns:
            The lines, in order of time.
        """
        events = self._events.sentences if self._events else []
        return self._transcript.timeline(events)

    def _check_started(self) -> None:
        if self._phase is Phase.NEW:
            self._refuse()

    def _check_open(self) -> None:
        if self._phase is not Phase.OPEN:
            self._refuse()

    def _refuse(self) -> None:
        raise ConfigError(
            self._phase.value,
            hint="Create a call for each use, and use it in the block of "
            "`async with avatar_call(...) as call`.",
        )
