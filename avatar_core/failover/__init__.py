"""Chooses which avatar is live and which comes next, and checks that its transport works."""
