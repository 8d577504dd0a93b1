"""Names and payloads that the agent, the web page and the test user of the demo share."""

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
        provider: Names of the providers in the chain; None uses AVATAR_PROVIDER.
        interactive: Whether the agent greets the user when its avatar has joined.
    """

    provider: str | None = None
    interactive: bool = False
