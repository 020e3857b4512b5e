"""A traceparent is read strictly, and one that is malformed is none."""

import pytest

from outbox.event_log.traceparent import Traceparent, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "flags"),
    [(f"00-{TRACE}-{SPAN}-01", 1), (f"00-{TRACE}-{SPAN}-00", 0), (f"00-{TRACE}-{SPAN}-ff", 255)],
    ids=["sampled", "not sampled", "all flags"],
)
def test_a_good_one_is_read(text: str, flags: int) -> None:
    """Trace, span and flags are what W3C says they are, and it is written again as it was."""
    found = Traceparent.read(text)
    assert found == Traceparent(TRACE, SPAN, flags)
    assert str(found) == text


@pytest.mark.parametrize("rest", ["", "-", "-more"])
def test_of_a_later_version_what_everybody_understands_is_read(rest: str) -> None:
    """A version that there is not yet may have more fields behind the four."""
    assert Traceparent.read(f"cc-{TRACE}-{SPAN}-01{rest}") == Traceparent(TRACE, SPAN, 1)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}x-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0x",
        "Anna Ivanova",
    ],
    ids=str,
)
def test_a_malformed_one_is_none(text: str | None) -> None:
    """Whatever is not exactly one is as good as missing."""
    assert Traceparent.read(text) is None
    assert trace_id_of(text) is None
