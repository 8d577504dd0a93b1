"""Provisioning of avatars over HTTP, for agents that do not use avatar-core."""
