"""A minimal agent with an avatar. It uses the models of LiveKit Inference; choose your own.

Set LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, and AVATAR_PROVIDER (the avatar's provider):

    AVATAR_PROVIDER=local python -m livekit.agents start --dev examples/agent.py
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext

import avatar_core

server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Run one conversation: the job that the LiveKit server assigned to this agent server."""
    await ctx.connect()
    session: AgentSession[None] = AgentSession(
        stt="deepgram/nova-3", llm="openai/gpt-4.1-mini", tts="cartesia/sonic-3"
    )
    avatar = avatar_core.create_avatar()
    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="You are a friendly guide. Be brief."), room=ctx.room)
    await session.generate_reply(instructions="Greet the user.")
