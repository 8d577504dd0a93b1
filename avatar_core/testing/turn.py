"""One speech of the agent in a conversation, and the check of what was heard of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from livekit.agents.voice import SpeechHandle

from avatar_core.testing.audio.tones import HeardWord
from avatar_core.testing.script import Said

LEAST_SHARE, TWICE_SHARE = 0.6, 1.4
MOST_TWICE = 2
"""Words that may be repeated after a fault: at most 0.6 s of speech, which are two words."""


@dataclass(slots=True)
class Turn:
    """One speech of the agent in a conversation.

    `Conversation.say` and `Conversation.ask` create the turns.

    Attributes:
        spoken_words: The words that the agent says.
        handle: The `SpeechHandle` of the AgentSession.
        said_at: The loop time in seconds at which the turn began.
        user_text: The user message to which the turn responds; empty if there is none.
        until_at: The loop time in seconds after which new audio belongs to another turn.
        cut: Whether the test interrupted the turn.
        heard: The words that a listener heard; `Conversation.over` sets it.
        history: The text of the turn in the chat history; `Conversation.over` sets it.
        captions: The captions of the turn; `Conversation.over` sets them.
    """

    spoken_words: Sequence[str]
    handle: SpeechHandle
    said_at: float
    user_text: str = ""
    until_at: float = math.inf
    cut: bool = False
    heard: list[HeardWord] = field(default_factory=list)
    history: str = ""
    captions: str = ""

    def shares(self) -> dict[str, float]:
        """Return how much of each word was heard.

        Returns:
            The share of each word that was heard: 0.5 for half of the word, 2.0 if it was heard
            twice.
        """
        shares: Counter[str] = Counter()
        for word in self.heard:
            shares[word.word] += word.share  # type: ignore[assignment]
        return dict(shares)


def find_faults(turn: Turn, history: Said, *, has_captions: bool) -> list[str]:
    """Check a turn for words that were lost or repeated, and for a wrong chat history.

    Args:
        turn: A turn that has ended.
        history: Role and text of each message of the conversation.
        has_captions: Whether the captions must agree with the chat history.

    Returns:
        One sentence for each fault; empty if there are none.
    """
    shares = turn.shares()
    said = turn.history.split()
    last = max(
        (turn.spoken_words.index(word) for word in shares if word in turn.spoken_words),
        default=-1,
    )
    expected = turn.spoken_words[: max(last, 0)] if turn.cut else turn.spoken_words
    faults = [f"{word} was not heard" for word in expected if shares.get(word, 0) < LEAST_SHARE]
    twice = [word for word, share in shares.items() if share > TWICE_SHARE]
    if len(twice) > MOST_TWICE:
        faults.append(f"{', '.join(twice)} were heard twice")
    if len(said) > last + 1:
        faults.append(
            f"the history ends with {said[-1]}, but the last heard word is "
            f"{turn.spoken_words[last]}"
        )
    if has_captions and turn.captions.split() != said:
        faults.append(f"the captions are {turn.captions!r}, but the history is {turn.history!r}")
    if turn.user_text:
        dialogue = [("user", turn.user_text), ("assistant", turn.history)]
        dialogue = dialogue if turn.history else dialogue[:1]
        at = history.index(dialogue[0]) if dialogue[0] in history else 0
        if history[at : at + len(dialogue)] != dialogue:
            faults.append(f"the history {history} does not contain {dialogue}")
    return faults
