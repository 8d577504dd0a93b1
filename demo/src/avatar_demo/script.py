"""The scripted conversation: an interrupted speech, a speech with a killed avatar, and checks."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.clock import loop_time
from avatar_demo.console import DemoConsole
from avatar_demo.speech import SpokenText
from avatar_demo.user import DemoUser, HeardSpeech

PARAGRAPH = (
    "Hello, I am your agent, and this is my face. "
    "You can interrupt me at any time, and I will stop at once, for I know how far you heard me."
)
SENTENCES = (
    "Now I speak again, and in the middle of this sentence my face is killed.",
    "You still hear every word, because my own voice takes over where the avatar fell silent.",
    "No word is lost, and nothing hangs.",
    "Each paid avatar session is created once, and it is always ended.",
    "Change one value, and another face says the same.",
)
SENTENCE_S = 5.5
INTERRUPT_AT, KILL_AT = 0.55, 0.5
TWICE = 2
"""Maximum number of words that the user may hear twice after a kill.

The agent resumes its speech at a silence that is up to `REWIND_S` before the interruption.
"""


async def run_script(console: DemoConsole, user: DemoUser, seconds: float | None) -> int:
    """Run the scripted conversation and print its results.

    Args:
        console: The console that prints the conversation.
        user: The test user in the room with the agent.
        seconds: Approximate length of the conversation in seconds; None continues until the caller
            cancels this function.

    Returns:
        The exit code: 0 if the user heard every word as expected, otherwise 1.

    Raises:
        TimeoutError: The agent's speech did not start within 15 s.
        RoomError: The agent did not respond to an RPC.
    """
    console.says(PARAGRAPH)
    interrupted_at = 0.0

    async def interrupt(first_at: float, speech: SpokenText) -> None:
        nonlocal interrupted_at
        await _sleep_until(first_at + INTERRUPT_AT * speech.duration_s)
        interrupted_at = loop_time()
        await user.interrupt()

    first = await user.listen_to(PARAGRAPH, interrupt)
    last_at = user.meter.last_sound_before(interrupted_at + 1.0) or interrupted_at
    console.heard(first)
    console.measure("speech to first sound", first.latency_s)
    console.measure("interruption to silence", max(0.0, last_at - interrupted_at))

    count = max(1, min(len(SENTENCES), round(((seconds or 25.0) - 7.0) / SENTENCE_S)))
    text = " ".join(SENTENCES[:count])
    console.says(text)
    killed_at: float | None = None

    async def kill(first_at: float, speech: SpokenText) -> None:
        nonlocal killed_at
        word, start_s, end_s = speech.word_times[int(KILL_AT * len(speech.word_times))]
        await _sleep_until(first_at + (start_s + end_s) / 2)
        at = loop_time()
        killed = await user.kill_avatar()
        if killed is None:
            console.line("There is no avatar to kill: the agent speaks with its own voice.")
        else:
            killed_at = at
            console.line(f"{killed}, in the middle of the word “{word}”.")

    second = await user.listen_to(text, kill)
    console.heard(second)
    console.measure("speech to first sound", second.latency_s)
    if killed_at is not None:
        console.measure("silence around the kill", user.meter.silence_around(killed_at))
    console.add_row("video frames received", str(user.video_frames))
    data = f"{await user.data_bytes() / 1000:.1f} kB; the agent's raw audio has 48 kB per second"
    console.add_row("data received by the user", data)
    faults = _find_faults(first, second, allowed_twice=0 if killed_at is None else TWICE)
    console.summary(first, second, faults)
    while seconds is None:
        for sentence in SENTENCES[2:]:
            console.says(sentence)
            console.heard(await user.listen_to(sentence))
    return 1 if faults else 0


def _find_faults(first: HeardSpeech, second: HeardSpeech, *, allowed_twice: int) -> list[str]:
    faults = [f"“{word}” was skipped" for word in (*first.skipped, *second.skipped)]
    faults += [f"“{word}” was heard twice" for word in first.repeated]
    if not first.result["interrupted"]:
        faults.append("the first speech was not interrupted")
    if second.result["interrupted"]:
        faults.append("the second speech did not play to its end")
    if len(second.repeated) > allowed_twice:
        repeated = ", ".join(second.repeated)
        faults.append(f"{len(second.repeated)} words were heard twice: {repeated}")
    return faults


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - loop_time()))
