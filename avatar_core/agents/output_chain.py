"""Functions for the chain of audio outputs of an agent session, whose last output is the tail."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import SpeechHandle, io
from livekit.agents.voice.transcription import TranscriptSynchronizer


def is_running(session: AgentSession[Any]) -> bool:
    """Return whether an agent session is running or starting.

    Args:
        session: The agent session.

    Returns:
        True if the session has a current agent.
    """
    try:
        return session.current_agent is not None
    except RuntimeError:
        return False


def outputs_of(session: AgentSession[Any]) -> list[io.AudioOutput]:
    """Return the audio outputs of an agent session, from the first output to the tail.

    Args:
        session: The agent session.

    Returns:
        The outputs; empty if the session has no audio output.
    """
    outputs: list[io.AudioOutput] = []
    output = session.output.audio
    while output is not None:
        outputs.append(output)
        output = output.next_in_chain
    return outputs


def find_synchronizer(session: AgentSession[Any]) -> TranscriptSynchronizer | None:
    """Find LiveKit's transcript synchronizer in the chain of audio outputs of an agent session.

    Args:
        session: The agent session.

    Returns:
        The synchronizer, which is an attribute of its audio output (livekit-agents 1.8.9); None if
        the chain has none.
    """
    for output in outputs_of(session):
        for value in vars(output).values():
            if isinstance(value, TranscriptSynchronizer):
                return value
    return None


async def wait_until_idle(session: AgentSession[Any]) -> None:
    """Wait until no audio output of an agent session plays a segment.

    After the wait, the caller can replace the tail. LiveKit's own audio output does not accept the
    first frame of a speech before a participant has subscribed to its track (livekit-agents 1.8.9,
    `voice/room_io/_output.py`). The function also waits for such a speech.

    Args:
        session: The agent session.
    """
    while True:
        outputs = outputs_of(session)
        counts = [output.captured_playout_segments for output in outputs]
        for output in outputs:
            await output.wait_for_playout()
        speech = session.current_speech
        subscribed = getattr(outputs[-1], "subscribed", None) if outputs else None
        if isinstance(subscribed, asyncio.Future) and not subscribed.done() and speech is not None:
            await _either_done(subscribed, speech)
        elif counts == [output.captured_playout_segments for output in outputs_of(session)]:
            return


def put_back(
    session: AgentSession[Any], tail: io.AudioOutput, previous: io.AudioOutput | None
) -> None:
    """Replace a tail with the audio output that the tail had replaced.

    The function does nothing if the chain of audio outputs does not contain the tail.

    Args:
        session: The agent session.
        tail: The audio output to replace.
        previous: The output that `tail` had replaced; None if the session had no audio output.
    """
    outputs = outputs_of(session)
    if outputs == [tail]:
        session.output.audio = previous
    elif tail in outputs and previous is not None:
        session.output.replace_audio_tail(previous)


async def _either_done(subscribed: asyncio.Future[None], speech: SpeechHandle) -> None:
    changed = asyncio.Event()
    speech.add_done_callback(lambda _: changed.set())
    subscribed.add_done_callback(lambda _: changed.set())
    await changed.wait()
