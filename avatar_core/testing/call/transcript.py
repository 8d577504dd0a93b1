"""The words that the user of a call heard, turn by turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

from livekit.agents import RunResult

from avatar_core.testing.audio.tones import HeardWord
from avatar_core.testing.audio.word_codes import WordCodes, split_speech
from avatar_core.testing.script import Said
from avatar_core.testing.turn import LEAST_SHARE, MOST_TWICE

PAUSE_S = 1.0
"""A longer pause divides two phrases of a timeline, in seconds."""
MARKUP = "*_`~#"


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A turn of a call: a message of the user, and what the user heard until the next message.

    Attributes:
        text: The message of the user; empty for the beginning of the call.
        at_s: The loop time of the message in seconds.
        result: The result of `AgentSession.run`; None for the beginning of the call.
        heard: The words that the user heard, separated by spaces.
    """

    text: str
    at_s: float
    result: RunResult[Any] | None
    heard: str = ""


class Transcript:
    """Reads the words that the user heard from the tones in the room.

    Args:
        codes: The tones of the words.
        tones: Returns the tones of each track since a loop time in seconds.

    Attributes:
        turns: The turns, in order, without the words that were heard.
    """

    def __init__(self, codes: WordCodes, tones: Callable[[float], list[HeardWord]]) -> None:
        self.turns: list[UserTurn] = []
        self._codes = codes
        self._tones = tones

    def begin_turn(self, turn: UserTurn) -> None:
        """Add a turn.

        Args:
            turn: The turn, which begins now.
        """
        self.turns.append(turn)

    def heard(self, turn: UserTurn) -> str:
        """Return the words that the user has heard in a turn.

        Args:
            turn: A turn of this transcript.

        Returns:
            The words, separated by spaces.
        """
        later = [other.at_s for other in self.turns if other.at_s > turn.at_s]
        return _text(self._read(turn.at_s, min(later, default=math.inf)))

    def contains(self, turn: UserTurn, spoken: str | int) -> bool:
        """Return whether the user has heard words in a turn.

        Args:
            turn: A turn of this transcript.
            spoken: A text, or a number of words.

        Returns:
            True if the turn contains the text, or so many words.
        """
        heard = self.heard(turn)
        if isinstance(spoken, int):
            return len(heard.split()) >= spoken
        return spoken in heard or " ".join(split_speech(spoken)[0]) in heard

    def heard_so_far(self) -> Sequence[HeardWord]:
        """Return all words that the user has heard.

        Returns:
            The words of all turns, in order of time.
        """
        return self._read(0.0)

    def turns_with_speech(self) -> list[UserTurn]:
        """Return the turns with the words that the user has heard.

        Returns:
            The turns, in order.
        """
        found = self._read(0.0)
        ends_s = [turn.at_s for turn in self.turns[1:]] + [math.inf]
        return [
            replace(
                turn, heard=_text([word for word in found if turn.at_s <= word.start_s < end_s])
            )
            for turn, end_s in zip(self.turns, ends_s, strict=True)
        ]

    def problems(self, history: Said) -> list[str]:
        """Compare the words that were heard with a chat history.

        Args:
            history: Role and text of each message.

        Returns:
            One sentence for each difference that the promises of avatar-core forbid.
        """
        texts = [text for role, text in history if role == "assistant"]
        committed = [word for text in texts for word in split_speech(text)[0]]
        found = self._read(0.0)
        partly = [word.word for word in found]
        problems = []
        matcher = SequenceMatcher(
            None, _without_markup(committed), _without_markup(partly), autojunk=False
        )
        for kind, start, end, heard_start, heard_end in matcher.get_opcodes():
            if kind in ("delete", "replace"):
                unheard = " ".join(committed[start:end])
                problems.append(f"The history contains {unheard!r}, which nobody heard.")
            if kind == "insert" and heard_end - heard_start > MOST_TWICE:
                again = partly[heard_start:heard_end]
                before = committed[max(0, start - len(again)) : start]
                if _without_markup(again) == _without_markup(before):
                    problems.append(f"The words {' '.join(again)!r} were heard more than once.")
        return problems

    def timeline(self, events: Sequence[tuple[float, str]]) -> str:
        """Return what happened, a line for each event, with its time.

        Args:
            events: The events of the avatar, each with its loop time in seconds.

        Returns:
            The lines, in order of time.
        """
        start_s = self.turns[0].at_s if self.turns else 0.0
        lines = [(at_s, sentence) for at_s, sentence in events]
        lines += [(turn.at_s, f"user: {turn.text}") for turn in self.turns if turn.text]
        starts_s = [turn.at_s for turn in self.turns]
        for phrase in _phrases(self._read(0.0), starts_s):
            lines.append((phrase[0].start_s, f"heard: {_text(phrase)}"))
        return "\n".join(f"{at_s - start_s:8.2f} s  {line}" for at_s, line in sorted(lines))

    def _read(self, since_s: float, until_s: float = math.inf) -> list[HeardWord]:
        by_track: dict[str, list[HeardWord]] = {}
        for tone in self._tones(since_s):
            by_track.setdefault(tone.track, []).append(tone)
        found = [word for tones in by_track.values() for word in self._codes.read(tones)]
        return sorted(
            (word for word in found if word.start_s < until_s), key=lambda word: word.start_s
        )


def _without_markup(spoken: Sequence[str]) -> list[str]:
    """Return words without the Markdown around them, which livekit-agents removes from speech."""
    return [word.strip(MARKUP) or word for word in spoken]


def _text(spoken: Sequence[HeardWord]) -> str:
    return " ".join(word.word for word in spoken if word.share >= LEAST_SHARE)


def _phrases(spoken: Sequence[HeardWord], starts_s: Sequence[float]) -> list[list[HeardWord]]:
    """Split words at pauses, at the starts of turns, and where another track continues."""
    phrases: list[list[HeardWord]] = [[spoken[0]]] if spoken else []
    for before, word in pairwise(spoken):
        is_new_turn = any(before.start_s < start_s <= word.start_s for start_s in starts_s)
        if is_new_turn or word.start_s - before.end_s > PAUSE_S or word.track != before.track:
            phrases.append([])
        phrases[-1].append(word)
    return phrases
