"""The sample takes or leaves a request by its id alone."""

import pytest

from health import LogSample
from workers.configuration.settings import load


def test_by_default_everything_is_taken() -> None:
    """Without a share each line is written, and none is marked."""
    every = LogSample()
    assert all(every.takes(f"r-{number}", number) for number in range(1000))
    assert every.mark == {}


def test_with_a_share_of_nothing_no_success_is_told() -> None:
    """0 leaves all of them out."""
    assert not any(LogSample(0).takes(None, number) for number in range(1000))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("kind", ["request", "event"])
def test_as_many_are_taken_as_the_share_says(share: float, kind: str) -> None:
    """Of 20,000 ids in a row the share is taken, a tenth of it more or less, and each line says the share."""
    sample = LogSample(share)
    ids = range(5_000_000, 5_020_000)
    taken = sum(sample.takes(f"order-{id_}" if kind == "request" else None, id_) for id_ in ids)
    assert 0.9 * share < taken / 20_000 < 1.1 * share
    assert sample.mark == {"sample": share}


def test_a_request_is_taken_as_a_whole() -> None:
    """What belongs to one request is taken or left together, whichever event it is about; another process agrees."""
    sample = LogSample(0.5)
    for request in ("a", "b", "order-17", "Заказ"):
        assert {sample.takes(request, event_id) for event_id in range(100)} == {LogSample(0.5).takes(request)}
    assert {sample.takes(f"r-{number}") for number in range(20)} == {True, False}


def test_who_is_in_a_small_sample_is_in_a_larger_one() -> None:
    """Raising the share adds requests and drops none."""
    small, large = LogSample(0.1), LogSample(0.3)
    assert all(large.takes(None, number) for number in range(5000) if small.takes(None, number))


@pytest.mark.parametrize(
    ("given", "share"),
    [
        ({}, 1),
        ({"PAID_BROADCAST": "true"}, 0.01),
        ({"LOG_SAMPLE": "0.2"}, 0.2),
        ({"LOG_SAMPLE": "1", "PAID_BROADCAST": "true"}, 1),
        ({"LOG_SAMPLE": "0"}, 0),
    ],
    ids=["nothing", "paid", "share", "paid and all", "none"],
)
def test_what_is_set_holds(given: dict[str, str], share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOG_SAMPLE is the share; by default it is everything, and one of a hundred in paid broadcast."""
    for name in ("LOG_SAMPLE", "PAID_BROADCAST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load().sample.share == share
