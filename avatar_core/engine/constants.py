"""The numbers of the laws, each measured or decided once (seconds)."""

OWN_RUN_AHEAD_S = 0.5
"""Audio on the wire beyond what was heard, for our own worker."""
SHORT_CHUNK_S, LONG_CHUNK_S = 0.04, 0.1
"""A message: at first what a worker needs for a picture, since a long one doubles the first
sound's latency; longer as more is ahead, for each costs a turn of a loop that may be busy."""

SEND_DEADLINE_S = 5.0
"""A road that does not take a begin, a chunk or an end within this is lost."""
CUT_DEADLINE_S = 0.4
"""A cut that nobody confirms counts as done after this."""
REWIND_S = 0.6
"""How far back a lost take's successor may start, to begin at a silence."""

HEARTBEAT_LOST_S = 0.43
"""Two beats in a row may get lost: at 1 % loss that befalls a speaker every half an hour."""
SHAKEN_S = 15.0
"""A reconnection that takes longer excuses nobody any more."""
LEAST_AHEAD_S = 0.3
"""On the wire beyond a worker's latency, whatever its provider says: less would stutter."""
STALL_S = 1.0
"""An announced worker that holds unheard audio and plays none of it is dead."""
SAME_SID_S = 1.0
"""A participant back with its old sid within this never left: our own side reconnected."""
LEFT_S = 1.5
"""Who left and is not back within this is gone, where the server does not say why."""

MAX_HOLD_S = 8.0
"""Speech is held for a join at most this long, and at most twice the expected join."""
RELEASE_S = 4.0
LET_GO_S = 0.3
"""For a provider to let go of its connections, once all that it sold is ended."""
MAY_COME_S = 180.0
"""What was asked for may come to be so long afterwards: the slowest cold start takes 2.5 min."""
LOOK_AGAIN_S = 15.0
