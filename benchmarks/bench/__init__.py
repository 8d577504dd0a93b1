"""The bench: what a listener in the room hears and sees, ours beside what users have today."""
