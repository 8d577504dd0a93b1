"""The `avatar` command."""
