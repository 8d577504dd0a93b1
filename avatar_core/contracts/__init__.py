"""What providers, transports and workers promise one another. Standard library only."""
