"""What the demo's agent, its page and its listener call each other by."""

from __future__ import annotations

from typing import Any, NamedTuple

AGENT_NAME = "avatar-demo"
PERSON = "you"
REGISTERED = "REGISTERED"
"""The agent server says so on stdout."""
SAY, INTERRUPT, KILL = "demo.say", "demo.interrupt", "demo.kill"
TELL = "demo.tell"

Facts = dict[str, Any]
"""What is told by `TELL`; its `what` names the fact."""


class Job(NamedTuple):
    """What a dispatch asks for.

    Attributes:
        provider: The chain of avatars; by default that of AVATAR_PROVIDER.
        talks: Whether it greets and answers by itself, as the page wants it.
    """

    provider: str | None = None
    talks: bool = False
