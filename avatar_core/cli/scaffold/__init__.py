"""The packages that `avatar new provider` writes: the examples of avatar-core with another name.

`tools/pack_examples.py` packs the folders of the examples into text files of this package, which
the wheel contains.
"""
