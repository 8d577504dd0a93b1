"""The room link over `livekit.rtc`, and calls to the LiveKit server's API."""
