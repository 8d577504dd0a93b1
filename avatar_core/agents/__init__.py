"""Our place in a livekit-agents session. With the tools above, all that imports livekit.agents."""
