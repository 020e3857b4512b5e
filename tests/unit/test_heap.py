import gc
import weakref

from workers.process.heap import settled


class Knot:
    """What only the collector can take away."""

    def __init__(self) -> None:
        self.self = self


def test_only_what_was_made_before_is_kept_from_the_collector() -> None:
    """Inside the block nothing from before is walked through, garbage of the block goes, and then all is as it was."""
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    before = Knot()
    with settled():
        assert all(each is not before for each in gc.get_objects())
        made = weakref.ref(Knot())
        gc.collect()
        assert made() is None
    assert any(each is before for each in gc.get_objects())
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, frozen)
