"""The models of an application's agent session that a call replaces: voice and speech recognition.

A call replaces the models in `AgentActivity`, where livekit-agents decides between the models of
the session and those of the agent, so that each agent after a hand-off has the tone voice too
(livekit-agents 1.8.9, `voice/agent_activity.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from livekit.agents import Agent, AgentSession
from livekit.agents.utils import is_given
from livekit.agents.voice.agent_activity import AgentActivity

from avatar_core.contracts.errors import ConfigError
from avatar_core.testing.audio.word_codes import WordCodes
from avatar_core.testing.scripted_realtime import ScriptedRealtimeModel
from avatar_core.testing.tone_tts import ToneTTS

SessionFactory = Callable[[], AgentSession[Any]]

Getter = Callable[[Any], Any]

_voices: WeakKeyDictionary[AgentSession[Any], ToneTTS] = WeakKeyDictionary()
_originals: dict[str, Getter] = {}
"""The properties of `AgentActivity` that were replaced, by name."""


def create_session(
    agent: Agent, session: SessionFactory | AgentSession[Any] | None
) -> AgentSession[Any]:
    """Return the agent session of a call.

    Args:
        agent: The agent that starts the call.
        session: The session, a function that creates the session, or None for a session without
            models of its own.

    Returns:
        The session.

    Raises:
        ConfigError: Neither the session nor the agent has a language model, `session` does not
            return an `AgentSession`, or another call has used the session.
    """
    if not isinstance(agent, Agent):
        raise ConfigError(
            f"The call needs an object of the class Agent, and received {agent!r:.80}.",
            hint="Create the agent first, as in avatar_call(Support()).",
        )
    made = session if isinstance(session, AgentSession) else session and session()
    if made is None:
        made = AgentSession[Any]()
    if not isinstance(made, AgentSession):
        raise ConfigError(
            f"The session factory of the call returned an object of type {type(made).__name__}.",
            hint="Pass session=make_session, a function without arguments that returns an "
            "AgentSession which has not started.",
        )
    if made in _voices:
        raise ConfigError(
            "The session belongs to another call already.",
            hint="Pass session=make_session, a function that creates a new AgentSession for each "
            "call.",
        )
    if made.llm is None and not (is_given(agent.llm) and agent.llm is not None):
        raise ConfigError(
            f"The agent {type(agent).__name__} has no language model, so it cannot respond.",
            hint="Pass session=lambda: AgentSession(llm=ScriptedLLM({'Hello': 'Good morning.'})), "
            "or your own model.",
        )
    return made


def replace_models(session: AgentSession[Any], codes: WordCodes) -> None:
    """Give a session the tone voice, and no speech recognition.

    Args:
        session: The session, which has not started.
        codes: The tones of the words.
    """
    if not _originals:
        for name, replacement in _REPLACEMENTS.items():
            _originals[name] = original = AgentActivity.__dict__[name].fget
            setattr(AgentActivity, name, _choose(original, replacement))
    _voices[session] = ToneTTS(codes)


def _choose(original: Getter, replacement: Callable[[Any, ToneTTS], Any]) -> property:
    """Return a property that has the replacement for sessions of a call."""

    def model(activity: Any) -> Any:
        """Return the model of an agent.

        Args:
            activity: The activity of the agent.

        Returns:
            The model.
        """
        voice = _voices.get(activity.session)
        own = original(activity)
        return own if voice is None else replacement(own, voice)

    return property(model)


def _with_tones(model: Any, voice: ToneTTS) -> Any:
    if isinstance(model, ScriptedRealtimeModel):
        model.voice = voice.codes
    return model


_REPLACEMENTS: dict[str, Callable[[Any, ToneTTS], Any]] = {
    "llm": _with_tones,
    "tts": lambda _, voice: voice,
    "stt": lambda _, __: None,
}
