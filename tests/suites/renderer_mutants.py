"""One wrong renderer for each way to break the contract of a renderer."""

from __future__ import annotations

from tests.suites.altered_example import Mutant

FRAME = "return VideoFrame(self.width, self.height, self._image.tobytes())"
DRAWN = "return [frame]"
EMPTY = "if not chunk:\n            return []\n"
RENDERED = "frame = self._draw()"
FADE = "self._set(0.6 * self._levels[-1])"
HEARD = "self._set(0.3 * self._levels[-1] + 0.6 * loudness + 0.1 * later)"
ROWS = "rows = round(min(1.0, self._levels[-1] / LOUD_RMS) * self.height)"
KNOWN = "self._known = pcm"
OTHER_THREADS = "R13 R14 R15 R16"

MUTANTS = (
    Mutant("an option has no default", "R01", "width: int = 48", "mouth: str, width: int = 48"),
    Mutant("the class raises", "R01", "self._thread_id = ", "1 / 0; self._thread_id = "),
    Mutant(
        "the width is odd",
        "R02",
        "self.width, self.height = width, height",
        "self.width, self.height = width + 1, height",
    ),
    Mutant("the rate is text", "R02", "self.fps = fps\n", "self.fps = str(fps)\n"),
    Mutant(
        "the lookahead is milliseconds", "R02", "self.lookahead_s = 0.08", "self.lookahead_s = 80"
    ),
    Mutant("frames are RGB", "R03", FRAME, FRAME.replace("_image", "_image[..., :3]")),
    Mutant(
        "frames have one size", "R03", FRAME, FRAME.replace("self.width, self.height", "48, 32")
    ),
    Mutant("frames are arrays", "R03", FRAME, "return self._image.copy()"),
    Mutant("the rate is set late", "R03", RENDERED, f"{RENDERED}; self.fps = 30.0"),
    Mutant(
        "the first chunk has no frame", "R04", DRAWN, "return [frame] * (len(self._levels) > 2)"
    ),
    Mutant("each chunk has two frames", "R04", DRAWN, "return [frame, frame]"),
    Mutant("the bar is constant", "R05", ROWS, "rows = 5"),
    Mutant(
        "options are not JSON",
        "R06",
        "cpu_share = 0.05",
        'cpu_share = 0.05\n    renderer_options = {"colour": (255, 0, 0)}',
    ),
    Mutant(
        "the class needs the parent",
        "R06 R19",
        "self._levels = [0.0]",
        'self._levels = [0.0]; IMPORTED["tests.suites.altered_example"]',
    ),
    Mutant("an empty chunk is an error", "R07", EMPTY, "assert chunk\n"),
    Mutant(
        "a short chunk is an error",
        "R07",
        RENDERED,
        f"np.frombuffer(chunk, '<i2').reshape(-1, 4); {RENDERED}",
    ),
    Mutant(
        "frames share one buffer",
        "R08 R09",
        FRAME,
        FRAME.replace("self._image.tobytes()", "memoryview(self._image).cast('B')"),
    ),
    Mutant(
        "the bar rises slowly", "R09", HEARD, "self._set(0.95 * self._levels[-1] + 0.05 * loudness)"
    ),
    Mutant("silence keeps the bar", "R09 R10 R17", FADE, "self._set(0.999 * self._levels[-1])"),
    Mutant(
        "reset continues the speech",
        "R10",
        "def reset(self) -> None:\n        self._speaking = False",
        "def reset(self) -> None:\n        pass",
    ),
    Mutant(
        "discard needs all frames",
        "R10",
        "if count < len(self._levels):\n            self._set",
        "if True:\n            self._set",
    ),
    Mutant(
        "skip is an error",
        "R11 R15",
        "self._hear(chunk)\n        self._speaking = not last\n\n    def render",
        "raise NotImplementedError\n\n    def render",
    ),
    Mutant(
        "idle refuses a pause", "R13", FADE + "\n", f"{FADE}\n        assert not self._speaking\n"
    ),
    Mutant("each lookahead is used once", "R14", KNOWN, f"assert not self._known; {KNOWN}"),
    Mutant(
        "one thread only",
        OTHER_THREADS,
        RENDERED,
        f"assert self._thread_id == threading.get_ident(); {RENDERED}",
    ),
    Mutant("renderers share the level", "R17", "self._levels = [0.0]", "self._levels = SHARED"),
    Mutant("drawing takes 8 ms", "R18", RENDERED, f"sum(range(500_000)); {RENDERED}"),
    Mutant(
        "frames are kept",
        "R19",
        DRAWN,
        "self.__dict__.setdefault('kept', []).append(frame); return [frame]",
    ),
    Mutant("close leaves the thread", "R20", "self._stop.set()", "pass"),
    Mutant(
        "the first lookahead is the longest",
        "R07 R12",
        KNOWN,
        f"self._most = getattr(self, '_most', len(pcm)); assert len(pcm) <= self._most; {KNOWN}",
    ),
)
