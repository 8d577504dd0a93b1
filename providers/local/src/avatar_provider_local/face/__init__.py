"""The face: features of sound, visemes, a mouth, a head that lives, and their drawing."""
