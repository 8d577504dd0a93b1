"""The promises of avatar-core as checks of a conversation in memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from avatar_core.contracts.events import AvatarFailed, AvatarState, StateChanged, TakeFinished
from avatar_core.testing.audio.tones import HeardWord
from avatar_core.testing.clock import now
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.turn import Turn
from tests.matrix.provider import MatrixProvider
from tests.support.history_log import HistoryLog

OVERLAP_S = 0.1
"""Overlap of two voices beyond the run-ahead: the pieces in which audio is sent."""


class Promises:
    """Records a conversation and checks the promises.

    Args:
        talk: The conversation, which has started.
        provider: The provider of the avatars; None for the agent's own voice.

    Attributes:
        notes: The actions of the test, each with its loop time in seconds.
    """

    def __init__(self, talk: Conversation, provider: MatrixProvider | None) -> None:
        self._talk, self._provider = talk, provider
        self._history = HistoryLog(talk.session)
        self._finished = 0
        self._heard: list[HeardWord] = []
        self.notes: list[tuple[float, str]] = []
        output = talk.session.output.audio
        assert output is not None
        self._output = output
        output.on("playback_finished", self._note_finish)

    def begin(self) -> None:
        """Forget the earlier turns, so that a long conversation stays cheap."""
        self._talk.room.recording.runs.clear()
        for log in (self._talk.turns, self._talk.events, self._history.texts, self.notes):
            log.clear()

    def note(self, text: str) -> None:
        """Record an action of the test with the present time.

        Args:
            text: The action in a few words.
        """
        self.notes.append((now(), text))

    def find_breaches(self, longest_silence_s: float) -> Iterator[str]:
        """Yield a sentence for each broken promise.

        Args:
            longest_silence_s: The longest allowed silence, in seconds.

        Yields:
            The sentences.
        """
        self._heard = sorted(self._decode(), key=lambda word: word.start_s)
        yield from self._talk.faults()
        if self._finished != self._output.captured_playout_segments:
            segments = self._output.captured_playout_segments
            yield f"{self._finished} segments of {segments} finished"
        if ahead := self._history.find_ahead(self._heard):
            yield f"the history contains {', '.join(ahead)} before they were heard"
        yield from self._find_two_voices()
        for number, turn in enumerate(self._talk.turns, 1):
            silence_s = self._longest_silence(turn)
            if not turn.cut and silence_s > longest_silence_s:
                yield f"turn {number}: silence of {silence_s:.2f} s, limit {longest_silence_s:.2f}"

    def failures(self) -> list[tuple[float, str]]:
        """Return the time and the error of each avatar that failed.

        Returns:
            Pairs of the loop time in seconds and the text of the error.
        """
        events = self._talk.events
        return [(at, str(event.error)) for at, event in events if isinstance(event, AvatarFailed)]

    def find_sessions_alive(self) -> Iterator[str]:
        """Yield a sentence for each session that has not ended after the conversation.

        Yields:
            The sentences.
        """
        if self._provider is None:
            return
        if self._provider.alive:
            yield f"{len(self._provider.alive)} sessions have not ended"
        if len({*self._provider.created}) != len(self._provider.created):
            yield "two sessions have the same key"
        if self._provider.most_alive > 2:
            yield f"{self._provider.most_alive} sessions existed at the same time"
        room = self._talk.room
        left = {one for one in room.members if room.member(one) is not None}
        if left := left - {self._talk.identity}:
            yield f"{', '.join(left)} stayed in the room"

    def timeline(self) -> str:
        """Return the actions, events and heard words, in the order of their times.

        Returns:
            A text with one line for each.
        """
        lines = [(at, f"-- {text}") for at, text in self.notes]
        lines += [(at, f"history {text!r}") for at, text in self._history.texts]
        lines += [
            (word.start_s, f"   {word.track} {word.word} {word.share:.2f}") for word in self._heard
        ]
        for at, event in self._talk.events:
            if isinstance(event, AvatarFailed):
                lines.append((at, f"failed: {event.error}"))
            elif isinstance(event, TakeFinished):
                text = f"take {event.segment_id} {event.state} on {event.provider}: heard "
                lines.append((at, f"{text}{event.heard_s:.2f} of {event.pushed_s:.2f} s"))
            elif isinstance(event, StateChanged):
                lines.append((at, f"state {event.state.value}"))
        return "\n".join(f"    {at:7.3f}  {text}" for at, text in sorted(lines))

    @property
    def is_live(self) -> bool:
        """Whether an avatar is in use."""
        return self._talk.avatar.state is AvatarState.LIVE

    def _decode(self) -> list[HeardWord]:
        room = self._talk.room
        mine = self._talk.identity
        return [tone for tone in room.recording.tones() if room.speaks_for[tone.track] == mine]

    def _find_two_voices(self) -> Iterator[str]:
        limit_s = OVERLAP_S
        if self._provider is not None:
            limit_s += self._provider.capabilities.run_ahead_s
        overlap_s = 0.0
        for one, other in itertools.combinations(self._heard, 2):
            if one.track != other.track:
                overlap_s += max(0.0, min(one.end_s, other.end_s) - other.start_s)
        if overlap_s > limit_s:
            yield f"two voices were heard for {overlap_s:.2f} s"

    def _longest_silence(self, turn: Turn) -> float:
        spoken = [word for word in self._heard if word.word in turn.spoken_words]
        spoken = [word for word in spoken if word.end_s > turn.said_at]
        silence_s, end_s = 0.0, turn.said_at
        for word in spoken:
            silence_s = max(silence_s, word.start_s - end_s)
            end_s = max(end_s, word.end_s)
        return silence_s if spoken else math.inf

    def _note_finish(self, _: object) -> None:
        self._finished += 1


def indent(faults: Sequence[str]) -> str:
    """Return one indented line for each sentence.

    Args:
        faults: The sentences.

    Returns:
        The lines as one text.
    """
    return "\n".join(f"  {fault}" for fault in faults)
