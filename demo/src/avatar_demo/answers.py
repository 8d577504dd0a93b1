"""What the demo's agent answers: no model is asked, so that the demo needs no account."""

from __future__ import annotations

import re

MOST = 1000
"""Characters of a question."""
GREETING = (
    "Hello, I am your agent, and this is my face. Ask me what I am, or interrupt me. "
    "You may even kill my avatar while I speak: my voice goes on."
)
TOO_LONG = f"That is more than I can take in at once. Please say it in {MOST} characters."
NOTHING = "I did not catch that. Please say it again."
ANSWERS: tuple[tuple[str, str], ...] = (
    (
        r"\b(hello|hi|hey|good (morning|day|evening))\b",
        "Hello! It is good to see you, even if only one of us has eyes that see.",
    ),
    (
        r"\b(kill|die|dead|crash|freeze|fail)\w*",
        "If my avatar dies, its worker is gone, yet I am not. My own voice takes over in the "
        "middle of the word, and no word is lost. Press the button while I say this, and listen.",
    ),
    (
        r"\b(interrupt|stop|cut)\w*",
        "When you interrupt me I stop at once, and I know how far you heard me. What you did not "
        "hear is not in my memory of this talk either.",
    ),
    (
        r"\b(who|what) are you\b|\bname\b|\byourself\b",
        "I am a voice agent on LiveKit, and avatar core gives me this face. The face joins the "
        "room as a participant of its own, takes my speech, and shows it.",
    ),
    (
        r"\b(provider|vendor|switch|tavus)\w*",
        "One value in my configuration names the provider of my face. RoomEvent it, and another "
        "face says the same. You can switch it below, and begin again.",
    ),
    (
        r"\b(face|draw|lips?|mouth|eyes?)\w*",
        "My face is drawn on this machine, without a graphics card. My lips read the sound: they "
        "close for mama, papa and baby, they are round for blue moon, and wide for cheese.",
    ),
    (
        r"\b(cost|price|pay|money|bill)\w*",
        "A paid avatar is bought once, and it is always ended, also when a process is killed. "
        "This one costs nothing but a third of a processor's core.",
    ),
    (
        r"\b(fast|latency|quick|delay|slow)\w*",
        "You hear me a few milliseconds later than you would without a face, and when you "
        "interrupt me I fall silent in the time of a blink.",
    ),
    (r"\b(thanks?|thank you)\b", "You are welcome."),
    (r"\b(bye|goodbye)\b", "Goodbye. My avatar is ended as soon as you close this page."),
)
OTHERWISE = (
    "I have no language model here, only a few answers by heart. Ask me who I am, what happens "
    "when my avatar dies, or how fast I am."
)


def answer_to(text: str) -> str:
    """The answer to what somebody typed, whatever it holds."""
    if len(text) > MOST:
        return TOO_LONG
    if not re.search(r"\w", text):
        return NOTHING
    return next((said for asked, said in ANSWERS if re.search(asked, text.lower())), OTHERWISE)
