"""The avatar's side of the room: audio in; sound and pictures, in step, out; and its truth back."""
