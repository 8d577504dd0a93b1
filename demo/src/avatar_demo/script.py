"""The course of the demo: set up, speak, interrupt, speak on, kill, check, clean up."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.clock import loop_time
from avatar_demo.console import View
from avatar_demo.speech import SpokenText
from avatar_demo.user import Heard, Person

PARAGRAPH = (
    "Hello, I am your agent, and this is my face. "
    "You may interrupt me at any time, and I will stop at once, for I know how far you heard me."
)
SENTENCES = (
    "Now I speak on, and somewhere in this sentence my face is taken away from me.",
    "You hear every word all the same, as my own voice takes over where the avatar fell silent.",
    "No word is lost, and nothing hangs.",
    "Whoever pays for the avatar pays for it once, and it is always ended.",
    "RoomEvent one value, and another face says the same.",
)
SENTENCE_S = 5.5
INTERRUPT_AT, KILL_AT = 0.55, 0.5
TWICE = 2
"""Words that may come twice after a kill: speech goes on at a silence up to `REWIND_S` before."""


async def converse(view: View, person: Person, seconds: float | None) -> int:
    """Speak, interrupt, speak on, kill, check; the exit code is 0 if all was as it must be.

    Args:
        view: Shows it.
        person: Listens, in the room with the agent.
        seconds: About how long; None speaks on for ever.
    """
    view.says(PARAGRAPH)
    cut_at = 0.0

    async def interrupt(first_at: float, speech: SpokenText) -> None:
        nonlocal cut_at
        await _until(first_at + INTERRUPT_AT * speech.duration_s)
        cut_at = loop_time()
        await person.interrupt()

    first = await person.listen_to(PARAGRAPH, interrupt)
    last_at = person.ear.last_sound_before(cut_at + 1.0) or cut_at
    view.heard(first)
    view.measure("from speech to first sound", first.latency_s)
    view.measure("silent after the interruption", max(0.0, last_at - cut_at))

    count = max(1, min(len(SENTENCES), round(((seconds or 25.0) - 7.0) / SENTENCE_S)))
    text = " ".join(SENTENCES[:count])
    view.says(text)
    killed_at: float | None = None

    async def kill(first_at: float, speech: SpokenText) -> None:
        nonlocal killed_at
        word, start_s, end_s = speech.words[int(KILL_AT * len(speech.words))]
        await _until(first_at + (start_s + end_s) / 2)
        at = loop_time()
        killed = await person.kill_avatar()
        if killed is None:
            view.line("There is no avatar to kill: the agent speaks by its own voice.")
        else:
            killed_at = at
            view.line(f"{killed} in mid-word, at “{word}”.")

    second = await person.listen_to(text, kill)
    view.heard(second)
    view.measure("from speech to first sound", second.latency_s)
    if killed_at is not None:
        view.measure("silence around the kill", person.ear.silence_around(killed_at))
    view.fact("video frames seen", str(person.pictures))
    data = f"{await person.data_bytes() / 1000:.1f} kB; its raw speech is 48 kB a second"
    view.fact("data of the agent that reached the listener", data)
    faults = _faults(first, second, allowed_twice=0 if killed_at is None else TWICE)
    view.verdict(first, second, faults)
    while seconds is None:
        for sentence in SENTENCES[2:]:
            view.says(sentence)
            view.heard(await person.listen_to(sentence))
    return 1 if faults else 0


def _faults(first: Heard, second: Heard, *, allowed_twice: int) -> list[str]:
    faults = [f"“{word}” was skipped" for word in (*first.skipped, *second.skipped)]
    faults += [f"“{word}” came twice" for word in first.doubled]
    if not first.facts["interrupted"]:
        faults.append("the interruption was not one")
    if second.facts["interrupted"]:
        faults.append("the second speech did not come to its end")
    if len(second.doubled) > allowed_twice:
        faults.append(f"{len(second.doubled)} words came twice: {', '.join(second.doubled)}")
    return faults


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - loop_time()))
