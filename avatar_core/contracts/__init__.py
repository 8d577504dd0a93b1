"""What providers, roads and workers promise one another. Standard library only."""
