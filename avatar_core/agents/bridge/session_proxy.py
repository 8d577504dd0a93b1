"""The agent session that a plugin receives: it captures the plugin's audio output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import io
from livekit.agents.voice.events import CloseEvent, CloseReason

from avatar_core.tasks import notify

Handler = Callable[..., Any]
OWN_EVENTS = frozenset({"metrics_collected"})
"""Events that avatar-core emits on the agent session itself, so that those of a plugin are
dropped."""


class OutputProxy:
    """The outputs of an agent session, without its audio output.

    Args:
        output: The outputs of the agent session.
        capture: Receives each audio output with which the plugin replaces the session's own.
    """

    def __init__(self, output: Any, capture: Callable[[io.AudioOutput], None]) -> None:
        self._output = output
        self._capture = capture

    def replace_audio_tail(self, sink: io.AudioOutput) -> None:
        """Capture an audio output in place of the replacement.

        Args:
            sink: The audio output of the plugin.
        """
        self._capture(sink)

    @property
    def audio(self) -> io.AudioOutput | None:
        """The first audio output of the agent session; an assignment captures the new output."""
        found: io.AudioOutput | None = self._output.audio
        return found

    @audio.setter
    def audio(self, sink: io.AudioOutput | None) -> None:
        if sink is not None:
            self._capture(sink)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


class SessionProxy:
    """An agent session whose audio output and listeners belong to avatar-core.

    All other attributes are those of the agent session.

    Args:
        session: The agent session.
        capture: Receives each audio output with which the plugin replaces the session's own.

    Attributes:
        output: The outputs of the agent session.
    """

    def __init__(
        self, session: AgentSession[Any], capture: Callable[[io.AudioOutput], None]
    ) -> None:
        self._session: Any = session
        self._handlers: list[tuple[str, Handler]] = []
        self.output = OutputProxy(session.output, capture)

    def on(self, event: str, callback: Handler | None = None) -> Handler:
        """Register a listener of the agent session, also as a decorator.

        Args:
            event: The name of the event.
            callback: The listener; None returns a decorator.

        Returns:
            The listener, or the decorator.
        """
        if callback is None:
            return lambda function: self.on(event, function)
        self._session.on(event, callback)
        self._handlers.append((event, callback))
        return callback

    def once(self, event: str, callback: Handler | None = None) -> Handler:
        """Register a listener for the next event of a name, also as a decorator.

        Args:
            event: The name of the event.
            callback: The listener; None returns a decorator.

        Returns:
            The listener, or the decorator.
        """
        if callback is None:
            return lambda function: self.once(event, function)

        def call_once(*args: Any) -> None:
            """Remove the listener, and call the callback.

            Args:
                args: The arguments of the event.
            """
            self.off(event, call_once)
            callback(*args)

        self.on(event, call_once)
        return callback

    def off(self, event: str, callback: Handler) -> None:
        """Remove a listener that the plugin registered.

        Args:
            event: The name of the event.
            callback: The listener.
        """
        if (event, callback) in self._handlers:
            self._handlers.remove((event, callback))
            self._session.off(event, callback)

    def emit(self, event: str, *args: Any) -> None:
        """Emit an event on the agent session, unless avatar-core emits the event itself.

        Args:
            event: The name of the event.
            args: The arguments of the event.
        """
        if event not in OWN_EVENTS:
            self._session.emit(event, *args)

    def notify_close(self) -> None:
        """Tell the plugin that its agent session closes; some plugins end their session then.

        The agent session itself may continue, with another avatar or with its own voice.
        """
        event = CloseEvent(reason=CloseReason.USER_INITIATED)
        for name, callback in list(self._handlers):
            if name == "close":
                self.off(name, callback)
                notify(callback, event)

    def close(self) -> None:
        """Remove all listeners that the plugin has registered and not removed."""
        for event, callback in list(self._handlers):
            self.off(event, callback)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
