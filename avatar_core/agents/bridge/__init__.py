"""The bridge: LiveKit's own avatar plugins as providers, `livekit:<plugin>` in a chain."""
