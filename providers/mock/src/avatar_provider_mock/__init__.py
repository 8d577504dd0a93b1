"""A flash-and-beep avatar for avatar-core."""
