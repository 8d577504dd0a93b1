"""One wrong transport for each way to break the contract of a sink or a tracker.

`MUTANTS` are copies of `line_transport.py`, and `SOCKET_MUTANTS` of `socket_transport.py`.
"""

from __future__ import annotations

from tests.suites.altered_example import Mutant

PUSH = 'await self._line.send("audio", self._take_id, chunk)'
BEGIN = 'await self._line.send("begin", take.id)'
CUT = 'await self._line.send("cut", take.id)'
SEND = "await self.to_far_end.put(message)"
OPEN = "await self._line.ready.wait()"
FOLLOW = "self._take = take\n"
REPORT = "take.report(position_s, state)"
ID = "take.id != take_id:"
ALIVE = "self._alive_at = asyncio.get_running_loop().time()"
DETACH = "self._line.on_message = lambda *_: None"
END = "if self._ended and self._speaker.queued_s == 0:"
WAIT = "while not take.state.final: await asyncio.sleep(0.01)"
KEEP_LOCK = """while getattr(self, "busy", False): await asyncio.sleep(0.01)
        self.busy = True
        await asyncio.sleep(SEND_S)
        await self.to_far_end.put(message)
        self.busy = False"""
SLOW_TO_CANCEL = """try: await self._line.ready.wait()
        except asyncio.CancelledError: await asyncio.sleep(5); raise"""

LIMITS = "min_chunk_s, max_chunk_s, pads_last = 0.3, 0.5, True"
CHUNK = "return (chunk,)"

MUTANTS = (
    Mutant("push drops the last sample", "T01", PUSH, PUSH.replace("chunk", "chunk[:-2]")),
    Mutant("push sends each chunk twice", "T01", PUSH, f"{PUSH}; {PUSH}"),
    Mutant("push swaps the bytes", "T01", PUSH, PUSH.replace("chunk", "chunk[::-1]")),
    Mutant("positions are rare", "T02", "REPORT_S = 0.1", "REPORT_S = 1.4"),
    Mutant("only ends have a position", "T02", REPORT, "take.report(state and position_s, state)"),
    Mutant("positions are milliseconds", "T03", REPORT, "take.report(position_s * 1e3, state)"),
    Mutant("positions are pushed seconds", "T03", REPORT, "take.report(take.pushed_s, state)"),
    Mutant("DONE when all was sent", "T04", END, "if self._ended:"),
    Mutant(
        "DONE is not passed on",
        "T04",
        REPORT,
        "take.report(position_s, None if state is TakeState.DONE else state)",
    ),
    Mutant("DONE is CUT", "T04", REPORT, "take.report(position_s, state and TakeState.CUT)"),
    Mutant(
        "DONE is late",
        "T04",
        REPORT,
        "asyncio.get_running_loop().call_later("
        "1.3 if state is TakeState.DONE else 0, take.report, position_s, state)",
    ),
    Mutant("tiny chunks are dropped", "T05", PUSH, f"if len(chunk) > 16: {PUSH}"),
    Mutant("large chunks are cut short", "T05", PUSH, PUSH.replace("chunk", "chunk[:32000]")),
    Mutant(
        "positions start below 0",
        "T06",
        REPORT,
        "take.report(position_s - 0.05 * (position_s < 0.1), state)",
    ),
    Mutant(
        "DONE in a gap", "T07", END, "if self._speaker.position_s and not self._speaker.queued_s:"
    ),
    Mutant(
        "the second take plays at once",
        "T08",
        FOLLOW,
        "self._take and take.report(state=TakeState.PLAYING); self._take = take\n",
    ),
    Mutant("the heartbeat is too short", "T09", "heartbeat_s = 0.15", "heartbeat_s = 0.02"),
    Mutant("no sign of life", "T09", ALIVE, "self._alive_at = None"),
    Mutant("signs of life in Unix time", "T09", ALIVE, "import time; self._alive_at = time.time()"),
    Mutant("cut sends nothing", "T10", CUT, "pass"),
    Mutant("cut waits for half a second", "T10 T21", CUT, f"{CUT}; await asyncio.sleep(0.5)"),
    Mutant(
        "CUT is not passed on",
        "T10",
        REPORT,
        "take.report(position_s, None if state is TakeState.CUT else state)",
    ),
    Mutant(
        "CUT is DONE",
        "T10",
        REPORT,
        "take.report(position_s, TakeState.DONE if state is TakeState.CUT else state)",
    ),
    Mutant(
        "CUT at the pushed seconds",
        "T10",
        REPORT,
        "take.report(take.pushed_s if state is TakeState.CUT else position_s, state)",
    ),
    Mutant(
        "cut waits for the confirmation", "T11 T12 T13 T24", CUT, f"{CUT}\n                {WAIT}"
    ),
    Mutant(
        "CUT of any take counts",
        "T12 T21",
        ID,
        "take.id != take_id and state is not TakeState.CUT:",
    ),
    Mutant(
        "a late CUT detaches the tracker",
        "T13",
        REPORT,
        f"if take.state is state is TakeState.CUT: {DETACH}\n        {REPORT}",
    ),
    Mutant(
        "positions omit the last 60 ms",
        "T14",
        REPORT,
        "take.report(min(position_s, max(0, take.pushed_s - (not state) * 0.06)), state)",
    ),
    Mutant(
        "DONE of any take counts", "T15", ID, "take.id != take_id and state is not TakeState.DONE:"
    ),
    Mutant(
        "PLAYING before the first sound",
        "T08 T16",
        REPORT,
        "take.report(position_s, state or TakeState.PLAYING)",
    ),
    Mutant(
        "a closed line raises ConnectionError",
        "T17 T19",
        "raise AvatarLostError(CLOSED)",
        "raise ConnectionError(CLOSED)",
    ),
    Mutant(
        "aclose raises on a closed line",
        "T17 T19",
        "suppress(AvatarLostError, TimeoutError)",
        "suppress(TimeoutError)",
    ),
    Mutant(
        "cut waits for a silent line",
        "T18",
        "asyncio.timeout(CUT_LIMIT_S)",
        "asyncio.timeout(None)",
    ),
    Mutant(
        "aclose waits for a silent line",
        "T18",
        "asyncio.timeout(CLOSE_LIMIT_S)",
        "asyncio.timeout(None)",
    ),
    Mutant(
        "begin waits for a new line",
        "T19",
        BEGIN,
        f"while not self._line.open: await asyncio.sleep(0.1)\n        {BEGIN}",
    ),
    Mutant("takes with an offset do not begin", "T20", BEGIN, f"if not take.offset_s: {BEGIN}"),
    Mutant("an early cut is an error", "T19 T21 T24", CUT, f"assert take.pushed_s; {CUT}"),
    Mutant("open does not wait", "T22 T23", OPEN, "await asyncio.sleep(0)"),
    Mutant("open is slow to cancel", "T23", OPEN, SLOW_TO_CANCEL),
    Mutant("a cancelled call keeps the lock", "T24", SEND, KEEP_LOCK),
    Mutant("the second aclose raises", "T25", DETACH, "del self._line.on_message"),
    Mutant("aclose leaves the handler", "T26", DETACH, "pass"),
    Mutant(
        "each take leaves a task",
        "T27",
        BEGIN,
        f"self._task = asyncio.create_task(asyncio.sleep(1000)); {BEGIN}",
    ),
    Mutant(
        "late reports raise in a callback",
        "T27",
        REPORT,
        f"assert not take.state.final; {REPORT}",
    ),
)

SOCKET_MUTANTS = (
    Mutant("the last message is short", "T28", LIMITS, LIMITS.replace("True", "False")),
    Mutant("messages have no minimum", "T28", LIMITS, LIMITS.replace("0.3", "0.0")),
    Mutant("messages are too long", "T28", LIMITS, LIMITS.replace("0.5", "1.0")),
    Mutant("each chunk is split", "T28", CHUNK, "return chunk[:9600], chunk[9600:]"),
)
