from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outbox.delivery.quiet_hours import QuietHours

MOSCOW, NEW_YORK = "Europe/Moscow", "America/New_York"
NIGHT = (time(22), time(8))
NIGHT_IN_MOSCOW = QuietHours("hold", *NIGHT, MOSCOW)


def at(written: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-01-10 18:59:59", None),
        ("2026-01-10 19:00", "2026-01-11 05:00"),  # 22:00 there
        ("2026-01-10 20:30", "2026-01-11 05:00"),
        ("2026-01-11 00:00", "2026-01-11 05:00"),
        ("2026-01-11 04:59:59", "2026-01-11 05:00"),
        ("2026-01-11 05:00", None),
        ("2026-01-11 12:00", None),
    ],
)
def test_a_night_ends_in_the_morning(now: str, end: str | None) -> None:
    """Over midnight, in the person's own zone; its first moment is quiet, its end is not."""
    assert NIGHT_IN_MOSCOW.ends(at(now)) == (end and at(end))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-01-10 03:29", None),
        ("2026-01-10 03:31", "2026-01-10 05:15"),  # 9:16 there
        ("2026-01-10 05:15", None),
        ("2026-01-10 20:00", None),
    ],
)
def test_a_span_within_a_day(now: str, end: str | None) -> None:
    """An afternoon's rest is no other matter; zones may stand at quarters of an hour."""
    assert QuietHours("silent", time(9, 15), time(11), "Asia/Kathmandu").ends(at(now)) == (end and at(end))


def test_the_same_time_twice_is_never_quiet() -> None:
    """Nobody who sets both ends alike can be meant to get nothing any more."""
    hours = QuietHours("hold", time(8), time(8), MOSCOW)
    assert [hours.ends(at(f"2026-01-10 {hour:02}:00")) for hour in range(24)] == [None] * 24


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/hosts", "Ы", "a\0b"])
def test_an_unknown_zone_counts_as_utc(zone: str | None) -> None:
    """Whatever the application or an older database of zones has called it."""
    assert QuietHours("hold", *NIGHT, zone).ends(at("2026-01-10 23:00")) == at("2026-01-11 08:00")


@pytest.mark.parametrize(
    ("times", "now", "end"),
    [
        # 2:00 becomes 3:00 at 07:00 UTC
        (NIGHT, "2026-03-08 03:30", "2026-03-08 12:00"),
        ((time(22), time(2, 30)), "2026-03-08 06:59", "2026-03-08 07:00"),
        ((time(22), time(2, 30)), "2026-03-08 07:00", None),
        ((time(2, 30), time(4)), "2026-03-08 07:00", "2026-03-08 08:00"),
        ((time(2, 10), time(2, 50)), "2026-03-08 07:00", None),
        # 2:00 becomes 1:00 at 06:00 UTC
        (NIGHT, "2026-11-01 03:30", "2026-11-01 13:00"),
        ((time(22), time(1, 30)), "2026-11-01 05:29", "2026-11-01 05:30"),
        ((time(22), time(1, 30)), "2026-11-01 06:15", None),
        ((time(1, 30), time(4)), "2026-11-01 06:15", "2026-11-01 09:00"),
        ((time(1, 15), time(1, 45)), "2026-11-01 06:30", None),
    ],
)
def test_clocks_that_are_put_forward_or_back(times: tuple[time, time], now: str, end: str | None) -> None:
    """A time that the clock jumps over comes with the jump; of one that comes twice the first counts."""
    assert QuietHours("hold", *times, NEW_YORK).ends(at(now)) == (end and at(end))


def test_a_day_that_a_country_leaves_out() -> None:
    """Samoa had no 30th of December 2011: the night before it ends with the 29th, and another one begins."""
    hours = QuietHours("hold", *NIGHT, "Pacific/Apia")
    assert hours.ends(at("2011-12-30 09:00")) == at("2011-12-30 10:00")
    assert hours.ends(at("2011-12-30 10:00")) == at("2011-12-30 18:00")


def test_what_a_claim_brings_can_be_read() -> None:
    """Times as PostgreSQL writes them, its 24:00 among them; no zone at all."""
    read = QuietHours.read('["hold", "22:00:00", "08:30:00", "Europe/Moscow"]')
    assert read == QuietHours("hold", time(22), time(8, 30), MOSCOW)
    assert QuietHours.read('["silent", "24:00:00", "07:00:00", null]') == QuietHours("silent", time(0), time(7))


ZONES = [MOSCOW, NEW_YORK, "UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "?"]
times = st.times().map(lambda one: one.replace(second=0, microsecond=0))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds of what gets its zone)
spans = st.builds(QuietHours, st.just("hold"), times, times, st.sampled_from(ZONES))


@given(hours=spans, now=moments, share=st.floats(0, 0.999))
@example(hours=QuietHours("hold", time(2, 45), time(2, 15), NEW_YORK), now=at("2026-03-08 06:30"), share=0.5)
def test_quiet_has_an_end(hours: QuietHours, now: datetime, share: float) -> None:
    """It lies ahead, within a day and the hour of a clock put back; until then all is quiet, and then it is not."""
    end = hours.ends(now)
    if end is None:
        return
    assert now < end <= now + timedelta(hours=25)
    assert hours.ends(now + (end - now) * share) == end
    after = hours.ends(end)
    # a jump of the clock can leave nothing between the end of one night and the next
    assert after is None or (after > end and hours.ends(after) is None)


@given(hours=st.builds(QuietHours, st.just("hold"), times, times, st.just("Asia/Kathmandu")), now=moments)
def test_it_is_quiet_when_the_clock_says_so(hours: QuietHours, now: datetime) -> None:
    """Where no clock is ever changed the local time alone decides."""
    clock = now.astimezone(ZoneInfo("Asia/Kathmandu")).time()
    if hours.from_ <= hours.until:
        quiet = hours.from_ <= clock < hours.until
    else:
        quiet = clock >= hours.from_ or clock < hours.until
    assert (hours.ends(now) is not None) == quiet
