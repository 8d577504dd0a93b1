"""The avatar's side of a room: receives an agent's audio, plays it with video and reports back."""
