"""Word tones, and tools that find sounds and spoken words in recordings."""
