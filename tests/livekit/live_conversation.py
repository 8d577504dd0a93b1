"""A conversation in a real room, in which the agent says word tones, with checks of the laws."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from livekit import rtc

from avatar_core.contracts.events import AvatarFailed
from avatar_core.processes import ProcessRecord
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S, HeardWord, WordTones
from avatar_core.testing.clock import now
from avatar_core.testing.turn import LEAST_SHARE, Turn
from tests.livekit.live_room import LiveRoom
from tests.livekit.turns import RATE_HZ, frames

ONCE = 1.6
"""A word counts as heard twice if a larger share of its tone was heard."""
STRAY_SHARE = 0.1
"""The largest share of the speech's bytes that a bystander may receive (a stock agent: all)."""
TEST_S = 30.0
"""The time limit of a test."""
SPOKEN_WORDS = VOCABULARY[:12]
MORE_SPOKEN_WORDS = VOCABULARY[12:18]


class LiveConversation(LiveRoom):
    """A conversation in a `LiveRoom`.

    A test speaks with `say`, waits with `wait_for_word`, and compares with `check`.
    """

    def say(self, spoken_words: Sequence[str], rate_hz: int = RATE_HZ) -> Turn:
        """Start to say words as tones; a conversation must not use a word twice.

        Args:
            spoken_words: Words of `VOCABULARY`.
            rate_hz: Sample rate of the frames.
        """
        pcm = WordTones(rate_hz).speak(spoken_words)
        return self.say_frames(spoken_words, frames(pcm, rate_hz))

    def say_frames(self, spoken_words: Sequence[str], audio: AsyncIterator[rtc.AudioFrame]) -> Turn:
        """Start to say words whose audio the caller provides.

        Args:
            spoken_words: Words of `VOCABULARY`.
            audio: Frames with the tones of these words.
        """
        handle = self.session.say(" ".join(spoken_words), audio=audio)
        handle.add_done_callback(lambda done: self.counts.resolved.update([done.id]))
        turn = Turn(spoken_words, handle, now())
        self.turns.append(turn)
        return turn

    async def say_all(self, spoken_words: Sequence[str]) -> Turn:
        """Say words as tones, and wait until the listener hears silence after them."""
        turn = self.say(spoken_words)
        await turn.handle
        await self.wait_for_silence()
        return turn

    async def wait_for_word(self, word: str) -> None:
        """Return as soon as the listener has heard a part of the word."""
        await self.meter.wait_for_word(word)

    async def wait_for_silence(self, duration_s: float = 0.3) -> None:
        """Return once the listener has heard silence for `duration_s` seconds."""
        await self.meter.wait_for_silence(duration_s)

    # Results

    def worker(self) -> ProcessRecord:
        """Return the record of the worker process of the current avatar."""
        assert self.avatar.avatar is not None
        record = ProcessRecord.read(self.avatar.avatar.state)
        assert record is not None
        return record

    def heard(self) -> list[HeardWord]:
        """Return the words that the listener has heard so far, in order of time."""
        return self.meter.decode()

    def voice_tracks(self) -> list[rtc.LocalTrackPublication]:
        """Return the microphone tracks that the agent itself has published."""
        return [
            publication
            for publication in self.room.local_participant.track_publications.values()
            if publication.source == rtc.TrackSource.SOURCE_MICROPHONE
        ]

    def history(self) -> list[str]:
        """Return the texts of the agent in the chat history."""
        return [text for _, text in self.history_log.texts]

    @property
    def errors(self) -> list[str]:
        """The texts of the errors of all avatars that failed."""
        return [str(event.error) for _, event in self.log if isinstance(event, AvatarFailed)]

    def report(self) -> str:
        """Return all observations as text for the message of a failed assertion."""
        heard = [
            f"{h.word} {h.start_s - self.turns[0].said_at:.2f} x{h.share:.2f} {h.track[-3:]}"
            for h in self.heard()
        ]
        log = [f"{at_s - self.turns[0].said_at:.2f} {event}" for at_s, event in self.log]
        return "\n".join(("", ", ".join(heard), *self.history(), *log, str(self.counts)))

    # Checks

    def check(self, *, cut: Collection[str] = (), repeated: int = 0) -> None:
        """Check the laws of playback for every turn so far.

        Args:
            cut: Words that the listener need not have heard.
            repeated: Number of words that the listener may have heard twice.
        """
        self.check_finishes()
        self.check_speech(cut=cut, repeated=repeated)
        self.check_history()

    @property
    def speech_bytes(self) -> float:
        """The number of bytes of the speech of all turns, as PCM."""
        return sum(len(turn.spoken_words) for turn in self.turns) * WORD_S * RATE_HZ * 2

    async def check_addressed(self) -> None:
        """Check that the listener received no raw speech, only a few kB such as transcripts."""
        assert await self.listener.data_bytes() < STRAY_SHARE * self.speech_bytes

    def check_finishes(self) -> None:
        """Check that every segment started and finished once, at both ends of the output chain."""
        count, counts = len(self.turns), self.counts
        assert [counts.resolved[turn.handle.id] for turn in self.turns] == [1] * count, (
            self.report()
        )
        assert (counts.started, counts.tail_started) == (count, count), self.report()
        assert (len(counts.finished), counts.tail_finished) == (count, count), self.report()

    def check_speech(self, *, cut: Collection[str] = (), repeated: int = 0) -> None:
        """Check that the listener heard every word once.

        Args:
            cut: Words that the listener need not have heard.
            repeated: Number of words that the listener may have heard twice.
        """
        spoken = [word for turn in self.turns for word in turn.spoken_words]
        assert len(set(spoken)) == len(spoken), "the test says a word twice, which it cannot count"
        shares = self.meter.shares()
        assert set(shares) <= set(spoken), self.report()
        missing = [word for word in spoken if shares.get(word, 0.0) < LEAST_SHARE]
        assert set(missing) <= set(cut), f"{missing} are missing: {self.report()}"
        twice = [word for word in spoken if shares.get(word, 0.0) > ONCE]
        assert len(twice) <= repeated, f"{twice} were heard twice: {self.report()}"

    def check_history(self) -> None:
        """Check that the listener heard at least a part of each word in the chat history."""
        shares = self.meter.shares()
        for turn, text in zip(self.turns, self.history(), strict=True):
            committed = text.split()
            assert committed == list(turn.spoken_words[: len(committed)]), self.report()
            assert set(committed) <= set(shares), f"the history is ahead: {self.report()}"
