"""Stand-ins and measures: a renderer that flashes, word tones, a listener's meter."""
