"""Where the sample of the deliveries looks."""

import pytest

from outbox.monitoring.count_estimate import pieces


@pytest.mark.parametrize("newest", [1, 255, 256, 257, 4_095, 4_096, 70_001, 5_000_000, 10**12 + 7])
def test_the_pieces_cover_all_ids(newest: int) -> None:
    """Each id up to the newest is in one piece, and in one only."""
    lows, highs = pieces(newest)
    assert highs[0] == newest + 1
    assert lows[-1] == 0
    assert highs[1:] == lows[:-1]
    assert all(low < high for low, high in zip(lows, highs, strict=True))


def test_an_empty_outbox_has_one_piece() -> None:
    """Where no delivery was born yet, only the id that is never given is looked for."""
    assert pieces(0) == ([0], [1])


def test_the_pieces_stay_where_they_are() -> None:
    """A hundred more deliveries move none but the newest pieces: what a look reads, the next one finds in memory."""
    before, after = set(pieces(5_000_000)[0]), set(pieces(5_000_100)[0])
    assert len(before - after) <= 4


@pytest.mark.parametrize(("newest", "most"), [(5_000_000, 200), (10**9, 320)])
def test_there_are_few_pieces(newest: int, most: int) -> None:
    """A hundred times as many deliveries are looked at in hardly more places."""
    assert len(pieces(newest)[0]) <= most


def test_the_newest_are_looked_at_most_closely() -> None:
    """A piece is no larger than a sixteenth of its distance to the newest id, or 256 ids."""
    newest = 5_000_000
    assert all(high - low <= max(256, (newest + 1 - high) / 16) for low, high in zip(*pieces(newest), strict=True))
