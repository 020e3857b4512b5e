"""The flight: how many attempts may be under way, and which."""

import asyncio

from workers.pacing.in_flight import InFlight


async def attempt(held: asyncio.Event) -> None:
    """Last until it is let go."""
    await held.wait()


async def test_a_few_slots_are_for_urgent_ones_alone() -> None:
    """With all ordinary slots taken two urgent attempts may begin, and an ordinary one may not."""
    held = asyncio.Event()
    flight = InFlight(8, 2, asyncio.Event())
    assert (flight.slots, flight.room(urgent=False), flight.room(urgent=True)) == (10, 8, 10)
    for _ in range(8):
        flight.start(attempt(held), urgent=False)
    assert (len(flight), flight.room(urgent=False), flight.room(urgent=True)) == (8, 0, 2)
    held.set()
    await flight.end()


async def test_urgent_ones_may_take_all_slots() -> None:
    """Where urgent attempts have taken slots of the others, these have to wait until one is free."""
    held = asyncio.Event()
    flight = InFlight(8, 2, asyncio.Event())
    for _ in range(9):
        flight.start(attempt(held), urgent=True)
    assert (flight.room(urgent=False), flight.room(urgent=True)) == (1, 1)
    flight.start(attempt(held), urgent=True)
    assert (flight.room(urgent=False), flight.room(urgent=True)) == (0, 0)
    held.set()
    await flight.end()


async def test_what_is_promised_takes_room() -> None:
    """A slot that is promised to an attempt which has not begun is no room for another."""
    flight = InFlight(8, 2, asyncio.Event())
    assert flight.room(urgent=False, promised=1) == 8
    assert flight.room(urgent=False, promised=5) == 5
    assert flight.room(urgent=True, promised=10) == 0


async def test_a_landing_is_told() -> None:
    """Who waits for room is woken when an attempt has ended, well or badly, and there is room then."""
    held, landed = asyncio.Event(), asyncio.Event()
    flight = InFlight(1, 0, landed)
    flight.start(attempt(held), urgent=False)
    assert not landed.is_set()
    held.set()
    async with asyncio.timeout(10):
        await landed.wait()
    assert flight.room(urgent=False) == 1


async def test_the_end_waits_for_all() -> None:
    """The end comes when nothing is under way any more, at once where nothing is."""
    held = asyncio.Event()
    flight = InFlight(2, 1, asyncio.Event())
    await flight.end()
    flight.start(attempt(held), urgent=False)
    flight.start(attempt(held), urgent=True)
    ending = asyncio.create_task(flight.end())
    await asyncio.sleep(0)
    assert not ending.done()
    held.set()
    async with asyncio.timeout(10):
        await ending
    assert len(flight) == 0


async def test_what_takes_too_long_is_broken_off() -> None:
    """The end waits no longer than it is told to, and says how many had not landed."""
    flight = InFlight(2, 1, asyncio.Event())
    flight.start(attempt(asyncio.Event()), urgent=False)
    landing = asyncio.Event()
    landing.set()
    flight.start(attempt(landing), urgent=True)
    async with asyncio.timeout(10):
        assert await flight.end(within=0.05) == 1
