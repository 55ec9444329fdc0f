"""How long a program's steps take on all threads and on one -> how the next one runs.

Beside other busy processes a thread of the team may wait long for a processor while the others
wait for it at each meeting; one thread alone is faster then. Results are the same either way.
"""

from __future__ import annotations

from math import inf

BLOCK, FEWEST = 0.02, 3  # seconds and steps that are averaged before anything is decided
SLOW = 1.4  # times the best: steps on all threads are suspected to be held up
FIRST, LONGEST = 0.05, 1.0  # seconds until the other way is tried again
FORGET = 1.01  # by how much the best grows for each block that is slower


class Pace:
    """What is known of one program.

    Attributes:
        alone: whether the next step runs on one thread.
        threads: the number of threads that this was found with.
    """

    def __init__(self) -> None:
        self.threads = 0
        self._begin(0)

    def _begin(self, threads: int) -> None:
        """Forget everything."""
        self.threads = threads
        self.alone = self._settled = False
        self._best = self._together = self._single = inf
        self._pause, self._until = FIRST, 0.0
        self._steps, self._seconds = 0, 0.0

    def starts_alone(self, threads: int) -> bool:
        """Return whether a step runs on one thread, where `threads` are wanted."""
        if threads != self.threads:
            self._begin(threads)
        return self.alone

    def took(self, seconds: float, now: float) -> None:
        """Note what a step took that has just ended.

        Args:
            seconds: of the step.
            now: the time, in seconds.
        """
        self._steps += 1
        self._seconds += seconds
        if self._steps < FEWEST or (self._seconds < BLOCK and not self._trying):
            return
        mean = self._seconds / self._steps
        self._steps, self._seconds = 0, 0.0
        if not self.alone:
            self._after_together(mean, now)
        elif self._trying:
            self._after_trial(mean, now)
        elif now >= self._until:
            self.alone = False

    @property
    def _trying(self) -> bool:
        """Whether one thread is on trial."""
        return self.alone and not self._settled

    def _after_together(self, mean: float, now: float) -> None:
        """Go on, or try one thread."""
        self._best = min(mean, self._best * FORGET)
        self._together = mean
        if self._settled and mean >= self._single:
            self.alone = True  # still held up
            self._wait_longer(now)
            return
        self._settled = False
        suspicious = mean > SLOW * self._best or mean > self._single or self._single == inf
        if suspicious and now >= self._until:
            self.alone = True
        elif not suspicious:
            self._pause = FIRST

    def _after_trial(self, mean: float, now: float) -> None:
        """Stay on one thread where that is faster."""
        self._single = mean
        self._settled = self.alone = mean < self._together
        if self._settled:
            self._pause, self._until = FIRST, now + FIRST
        else:
            self._wait_longer(now)

    def _wait_longer(self, now: float) -> None:
        self._until = now + self._pause
        self._pause = min(2 * self._pause, LONGEST)
