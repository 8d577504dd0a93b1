"""A place in a real LiveKit room. With `agents` and the tools above, all that imports livekit."""
