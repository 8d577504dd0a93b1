"""The chat history contains what was heard, with and without LiveKit's transcript synchronizer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from livekit import rtc
from livekit.agents.llm import ChatMessage
from livekit.agents.voice import io

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.captions import CaptionLog
from avatar_core.testing.clock import run, step_unix_time
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.outputs import Transcription
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.script import RATE_HZ
from avatar_core.testing.turn import Turn

SPOKEN_WORDS = 12
EXAMPLES = 60
TRANSCRIPTIONS: Sequence[Transcription] = get_args(Transcription)
UNCONFIRMED = "stock=1,report_loss=1"
"""The worker speaks LiveKit's own protocol, and none of its playback RPCs arrives."""


def mock() -> AvatarSession:
    return create_avatar("mock", livekit=IN_MEMORY)


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


class SilentOutput(io.AudioOutput):
    """An audio output of an application that plays nothing."""

    def __init__(self) -> None:
        super().__init__(label="silent", capabilities=io.AudioOutputCapabilities(pause=False))

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Drop a frame."""
        await super().capture_frame(frame)

    def clear_buffer(self) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """End the segment."""
        super().flush()


async def interrupted_turn(talk: Conversation, word: int) -> Turn:
    turn = talk.say(SPOKEN_WORDS)
    await talk.interrupt_at(turn, word)
    return await talk.over(turn)


def lag(turn: Turn) -> int:
    """The number of words that were heard and are not in the history."""
    return len(turn.heard) - len(turn.history.split())


@pytest.mark.virtual_time
@pytest.mark.parametrize("transcription", TRANSCRIPTIONS)
@pytest.mark.parametrize("word", [1, 4, 8, 11])
async def test_history_of_an_interrupted_turn_ends_at_the_last_heard_word(
    word: int, transcription: Transcription
) -> None:
    async with Conversation(mock(), transcription=transcription) as talk:
        turn = await interrupted_turn(talk, word)
        assert len(turn.heard) == word + 1
        assert lag(turn) in (0, 1)
        whole = await talk.over(talk.say(SPOKEN_WORDS))
        assert whole.history == " ".join(whole.spoken_words)
        assert talk.faults() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("transcription", TRANSCRIPTIONS)
@pytest.mark.parametrize("word", [4, 5, 6, 7])
async def test_history_does_not_grow_while_a_cut_is_not_confirmed(
    word: int, transcription: Transcription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", UNCONFIRMED)
    async with Conversation(mock(), transcription=transcription) as talk:
        await talk.over(talk.say(SPOKEN_WORDS))
        turn = await interrupted_turn(talk, word)
        assert lag(turn) in (0, 1)
        assert talk.faults() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("transcription", TRANSCRIPTIONS)
@pytest.mark.parametrize("step_s", [-5.0, 5.0])
@pytest.mark.parametrize("scenario", ["", UNCONFIRMED])
async def test_history_is_independent_of_steps_of_the_unix_time(
    scenario: str,
    step_s: float,
    transcription: Transcription,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", scenario)
    async with Conversation(mock(), transcription=transcription) as talk:
        await talk.over(talk.say(SPOKEN_WORDS))
        turn = talk.say(SPOKEN_WORDS)
        await talk.until_heard(turn, 3)
        step_unix_time(step_s)
        await talk.interrupt_at(turn, 4)
        await talk.over(turn)
        assert lag(turn) in (0, 1)
        assert talk.faults() == []


@pytest.mark.virtual_time
async def test_captions_show_only_what_was_heard_while_the_avatar_stalls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", "stock=1,report_loss=1,report_late_s=1")
    async with Conversation(mock()) as talk:
        turn = talk.say(SPOKEN_WORDS)
        for word in range(1, SPOKEN_WORDS):
            await talk.until_heard(turn, word)
            shown = talk.captions.between(turn.said_at, turn.until_at).split()
            assert word - 1 <= len(shown) <= word + 1
        await talk.over(turn)
        assert turn.captions == turn.history == " ".join(turn.spoken_words)


@pytest.mark.virtual_time
async def test_long_word_that_was_heard_in_part_is_in_captions_and_history() -> None:
    async def silence(duration_s: float) -> AsyncIterator[rtc.AudioFrame]:
        """Yield silent audio at once."""
        size = round(duration_s * RATE_HZ)
        yield rtc.AudioFrame(bytes(2 * size), RATE_HZ, 1, size)

    async with Conversation(mock()) as talk:
        await talk.avatar.wait_for_join()
        handle = talk.session.say("Hello world", audio=silence(15.0))
        await asyncio.sleep(1.9)
        handle.interrupt()
        await handle
        (message,) = [item for item in handle.chat_items if isinstance(item, ChatMessage)]
        assert message.text_content == "Hello"
        assert "".join(text for _, text in talk.captions.pieces if text) == "Hello"


@pytest.mark.virtual_time
async def test_direct_captions_are_sent_before_the_audio_is_heard() -> None:
    async with Conversation(mock(), transcription="direct") as talk:
        turn = talk.say(SPOKEN_WORDS)
        await talk.until_heard(turn, 1)
        assert talk.captions.between(turn.said_at, turn.until_at) == " ".join(turn.spoken_words)
        await talk.over(turn)


@pytest.mark.virtual_time
async def test_text_output_that_the_application_sets_later_gets_the_captions() -> None:
    own = CaptionLog()
    async with Conversation(mock()) as talk:
        await talk.over(talk.say(3))
        talk.session.output.transcription = own
        turn = talk.say(SPOKEN_WORDS)
        await talk.interrupt_at(turn, 4)
        await talk.over(turn)
        assert lag(turn) in (0, 1)
        assert own.between(turn.said_at, turn.until_at) == " ".join(turn.spoken_words)
        assert turn.captions == ""


@pytest.mark.virtual_time
async def test_speech_without_audio_output_is_shown_at_once_and_not_mixed_with_the_next() -> None:
    async with Conversation(mock()) as talk:
        await talk.over(talk.say(3))
        output, audio = talk.session.output, talk.session.output.audio
        output.audio = None
        unspoken = await talk.over(talk.say(5))
        assert unspoken.history == unspoken.captions == " ".join(unspoken.spoken_words)
        output.audio = audio
        turn = await interrupted_turn(talk, 4)
        assert lag(turn) in (0, 1)
        assert turn.captions == turn.history


@pytest.mark.virtual_time
@pytest.mark.parametrize("transcription", TRANSCRIPTIONS)
@pytest.mark.parametrize("word", [0, 1, 4, 8])
@pytest.mark.parametrize("asks", [False, True])
async def test_history_ends_at_the_last_heard_word_while_transcription_is_disabled(
    asks: bool, word: int, transcription: Transcription
) -> None:
    async with Conversation(mock(), transcription=transcription) as talk:
        talk.session.output.set_transcription_enabled(False)
        turn = await talk.ask("question", SPOKEN_WORDS) if asks else talk.say(SPOKEN_WORDS)
        await talk.interrupt_at(turn, word)
        await talk.over(turn)
        assert lag(turn) in (0, 1)
        assert turn.captions == ""
        whole = await talk.over(talk.say(SPOKEN_WORDS))
        assert whole.history == " ".join(whole.spoken_words)


@pytest.mark.virtual_time
async def test_previous_text_output_returns_after_the_audio_tail_was_replaced() -> None:
    async with Conversation(mock()) as talk:
        previous = talk.session.output.transcription
        await talk.over(talk.say(3))
        assert talk.session.output.transcription is not previous
        talk.session.output.replace_audio_tail(SilentOutput())
        await asyncio.sleep(0.1)
        assert talk.session.output.transcription is previous


@pytest.mark.virtual_time
async def test_audio_output_that_is_disabled_and_enabled_in_a_turn_keeps_the_history() -> None:
    async with Conversation(mock()) as talk:
        turn = talk.say(SPOKEN_WORDS)
        await talk.until_heard(turn, 2)
        talk.session.output.set_audio_enabled(False)
        talk.session.output.set_audio_enabled(True)
        await talk.interrupt_at(turn, 5)
        await talk.over(turn)
        assert lag(turn) in (0, 1)
        assert talk.faults() == []


SCENARIOS = ("", UNCONFIRMED, "stock=1", "delay_s=0.1,jitter_s=0.05", "stall_at_s=2.05,stall_s=0.6")
EXACT = ("", "stock=1", UNCONFIRMED)


async def faults_of(
    turns: Sequence[tuple[Sequence[str], int, bool, float]],
    transcription: Transcription,
) -> list[str]:
    """Interrupt each turn at a word, with a step of the Unix time before; return the faults."""
    async with Conversation(mock(), transcription=transcription) as talk:
        for number, (spoken_words, word, asks, step_s) in enumerate(turns):
            turn = (
                await talk.ask(f"question {number}", spoken_words)
                if asks
                else talk.say(spoken_words)
            )
            word = min(word, len(spoken_words) - 1)
            await talk.until_heard(turn, max(0, word - 1))
            step_unix_time(step_s)
            await talk.interrupt_at(turn, word)
            await talk.over(turn)
        behind = [
            f"{turn.history!r} lags behind {[word.word for word in turn.heard]}"
            for turn in talk.turns
            if lag(turn) > 1
        ]
        return talk.faults() + behind


TURNS = st.tuples(
    st.lists(st.sampled_from(VOCABULARY), min_size=2, max_size=24, unique=True),
    st.integers(0, 23),
    st.booleans(),
    st.sampled_from([0.0, 5.0]),  # after a step back, AgentSession sorts later messages before
)
LONG_SPOKEN_WORDS_LAST = (*VOCABULARY[26:], "november", "charlie", "juliett", "foxtrot", "uniform")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    turns=st.lists(TURNS, min_size=1, max_size=3),
    transcription=st.sampled_from(TRANSCRIPTIONS),
    scenario=st.sampled_from(SCENARIOS),
)
@example(turns=[(LONG_SPOKEN_WORDS_LAST, 9, False, 0.0)], transcription="none", scenario="")
@example(turns=[(LONG_SPOKEN_WORDS_LAST, 9, True, 0.0)], transcription="none", scenario="")
@example(turns=[(VOCABULARY, 3, False, 0.0)], transcription="none", scenario="")
def test_history_never_has_an_unheard_word_and_agrees_with_the_captions(
    turns: list[tuple[list[str], int, bool, float]],
    transcription: Transcription,
    scenario: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", scenario)
    assert run(faults_of(turns, transcription)) == []
