"""A minimal agent with an avatar, with models of LiveKit Inference that you can replace.

Set LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, and AVATAR_PROVIDER (the avatar's provider):

    AVATAR_PROVIDER=local python -m livekit.agents start --dev examples/agent.py
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext

import avatar_core

server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Run one conversation in the room of the job that the LiveKit server dispatched."""
    await ctx.connect()
    session: AgentSession[None] = AgentSession(
        stt="deepgram/nova-3", llm="openai/gpt-4.1-mini", tts="cartesia/sonic-3"
    )
    avatar = avatar_core.create_avatar()
    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="You are a friendly guide. Be brief."), room=ctx.room)
    await session.generate_reply(instructions="Greet the user.")
