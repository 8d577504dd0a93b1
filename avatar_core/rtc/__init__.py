"""Room links over `livekit.rtc`, and the entry point of the worker process."""
