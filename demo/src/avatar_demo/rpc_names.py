"""Names and payloads shared by the demo's agent, its web page and its test user."""

from __future__ import annotations

from typing import Any, NamedTuple

AGENT_NAME = "avatar-demo"
USER = "you"
"""Identity of the user in the room."""
REGISTERED = "REGISTERED"
"""The line that the agent server prints once it is registered at the livekit-server."""
SAY, INTERRUPT, KILL = "demo.say", "demo.interrupt", "demo.kill"
"""RPCs from the user to the agent."""
NOTIFY = "demo.notify"
"""RPC from the agent to the user; its payload is an event, whose `type` names it."""

Payload = dict[str, Any]
"""A JSON object: an event, or the response to an RPC."""


class Job(NamedTuple):
    """Metadata of a dispatched job.

    Attributes:
        provider: The chain of providers; None uses AVATAR_PROVIDER.
        interactive: Whether the agent greets the user and responds to texts by itself.
    """

    provider: str | None = None
    interactive: bool = False
