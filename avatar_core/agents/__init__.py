"""The integration with livekit-agents: audio output, events, metrics and avatar sessions."""
