"""The renderer of the local provider: it draws a face, and moves its lips with the audio."""
