"""The renderer of the local provider, which draws a face whose lips follow the audio."""
