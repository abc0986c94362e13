"""How long the client of Shotstack waits, and how often it asks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds.

    Attributes:
        answer: for one request to be answered, its body included.
        gate: for a place among the requests that the key is allowed.
        budget: for a question that is repeated when it fails in passing.
        pause: before the first repetition; later ones wait longer.
        transfer: in which an upload's next bytes must move.
        poll: between two looks at a source, and at a render in its beginning.
        slowest: between two looks at a render that takes long.
        grace: in which what was just made may not be found yet.
        ingest: for a file to be ready once it is uploaded.
        deadline: for a render, since it was asked for; restarts do not prolong it.
        adoption: for a callback to tell which render is ours, where the answer never came.
    """

    answer: float = 30
    gate: float = 180
    budget: float = 60
    pause: float = 0.5
    transfer: float = 30
    poll: float = 5
    slowest: float = 20
    grace: float = 30
    ingest: float = 600
    deadline: float = 1800
    adoption: float = 120
