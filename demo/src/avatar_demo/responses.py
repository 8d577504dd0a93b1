"""The prepared responses of the demo's agent, which has no language model."""

from __future__ import annotations

import re

MAX_CHARACTERS = 1000
"""Maximum length of a text from the user; the agent refuses a longer text."""
GREETING = (
    "Hello, I am your agent, and this is my face. Ask me who I am, or interrupt me. "
    "You can even kill my avatar while I speak: my voice goes on."
)
TOO_LONG = f"That text is too long for me. Please use at most {MAX_CHARACTERS} characters."
EMPTY = "I did not catch that. Please say it again."
RESPONSES: tuple[tuple[str, str], ...] = (
    (
        r"\b(hello|hi|hey|good (morning|day|evening))\b",
        "Hello! It is good to meet you.",
    ),
    (
        r"\b(kill|die|dead|crash|freeze|fail)\w*",
        "If my avatar dies, only its worker ends, and I do not. My own voice takes over in the "
        "middle of the word, and no word is lost. Press the button while I say this, and listen.",
    ),
    (
        r"\b(interrupt|stop|cut)\w*",
        "When you interrupt me I stop at once, and I know how far you heard me. My chat history "
        "does not contain the words that you did not hear.",
    ),
    (
        r"\b(who|what) are you\b|\bname\b|\byourself\b",
        "I am a voice agent on LiveKit, and avatar core gives me this face. The face joins the "
        "room as a participant of its own, receives my speech, and shows it.",
    ),
    (
        r"\b(provider|vendor|switch|tavus)\w*",
        "One value in my configuration selects the provider of my face. Change it, and another "
        "face says the same. You can choose a provider below and restart.",
    ),
    (
        r"\b(face|draw|lips?|mouth|eyes?)\w*",
        "My face is drawn on this machine, without a graphics card. My lips follow the sound: "
        "they close for mama, papa and baby, they are round for blue moon, and wide for cheese.",
    ),
    (
        r"\b(cost|price|pay|money|bill)\w*",
        "Each paid avatar session is created once, and it is always ended, even if a process is "
        "killed. This face costs nothing but a third of a processor core.",
    ),
    (
        r"\b(fast|latency|quick|delay|slow)\w*",
        "You hear me a few milliseconds later than you would without a face, and when you "
        "interrupt me I fall silent in the blink of an eye.",
    ),
    (r"\b(thanks?|thank you)\b", "You are welcome."),
    (r"\b(bye|goodbye)\b", "Goodbye. My avatar session ends as soon as you close this page."),
)
"""Regular expressions for the user's text in lower case, and the response to each."""
DEFAULT = (
    "I have no language model here, only a few prepared responses. Ask me who I am, what happens "
    "when my avatar dies, or how fast I am."
)


def find_response(text: str) -> str:
    """Find the prepared response to a text that the user typed.

    Args:
        text: Text of any length.

    Returns:
        The response; `EMPTY` for a text without letters and digits, and `TOO_LONG` for a text with
        more than `MAX_CHARACTERS` characters.
    """
    if len(text) > MAX_CHARACTERS:
        return TOO_LONG
    if not re.search(r"\w", text):
        return EMPTY
    lower = text.lower()
    return next((response for pattern, response in RESPONSES if re.search(pattern, lower)), DEFAULT)
