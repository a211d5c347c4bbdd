"""What holds a thread of this process for minutes, event streams and uploads, counted by user."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from oriel_fx.server.errors import RateLimitedError

_RETRY_AFTER_S = 5


class Places:
    """So many for each user, so many in all: no one takes all the threads."""

    def __init__(self, per_user: int, in_all: int, refusal: str) -> None:
        self._per_user, self._in_all, self._refusal = per_user, in_all, refusal
        self._taken: Counter[int] = Counter()
        self._lock = threading.Lock()

    def take(self, user_id: int) -> None:
        """One more of this user's, until `free`. Raises RateLimitedError for one too many."""
        with self._lock:
            if self._taken[user_id] >= self._per_user or self._taken.total() >= self._in_all:
                error = RateLimitedError(self._refusal)
                error.retry_after_s = _RETRY_AFTER_S
                raise error
            self._taken[user_id] += 1

    def free(self, user_id: int) -> None:
        """One of this user's is over."""
        with self._lock:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]

    @contextmanager
    def held(self, user_id: int) -> Iterator[None]:
        """A place for as long as the block runs. Raises RateLimitedError."""
        self.take(user_id)
        try:
            yield
        finally:
            self.free(user_id)

    def __len__(self) -> int:
        return self._taken.total()
