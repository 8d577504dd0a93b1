"""Word tones, and meters that find them in a recording."""
