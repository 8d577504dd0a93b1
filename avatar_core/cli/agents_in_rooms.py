"""Finds agents in the rooms of the LiveKit server that no avatar can serve."""

from __future__ import annotations

from avatar_core.provisioning.agent_check import find_problem
from avatar_core.rtc.agent_survey import list_agents
from avatar_core.settings import LiveKitSettings


async def find_unserved_agent(livekit: LiveKitSettings) -> tuple[str, str] | None:
    """Find an agent that is in a room now, and whose speech no avatar can receive.

    Args:
        livekit: The LiveKit server, and its API key and secret.

    Returns:
        A sentence about the first such agent, and the next step of the user; None without such an
        agent.
    """
    for agent in await list_agents(livekit):
        found = find_problem(is_hidden=agent.is_hidden, can_publish_data=agent.can_publish_data)
        if found is not None:
            problem, hint = found
            return f"the agent {agent.identity} in the room {agent.room} {problem}", hint
    return None
