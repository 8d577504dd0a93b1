"""The budget of retries: the number and the delays of new sessions at a provider after a loss."""

from __future__ import annotations

from collections import deque

WINDOW_S = 600.0
FIRST_DELAY_S, MAX_DELAY_S = 0.5, 5.0
"""The first retry has no delay, and the second retry has a delay of 0.5 s. Each further delay is
twice as long."""


class RetryBudget:
    """Counts the retries of one provider within the last 10 minutes.

    Args:
        limit: The most retries within `WINDOW_S`.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: deque[float] = deque()

    def take(self, now: float) -> float | None:
        """Take one retry from the budget.

        Args:
            now: The time in seconds, on a monotonic clock.

        Returns:
            The delay before the retry in seconds; None if the budget is used up.
        """
        while self._taken and self._taken[0] <= now - WINDOW_S:
            self._taken.popleft()
        earlier = len(self._taken)
        if earlier >= self._limit:
            return None
        self._taken.append(now)
        return min(FIRST_DELAY_S * 2.0 ** (earlier - 1), MAX_DELAY_S) if earlier else 0.0
