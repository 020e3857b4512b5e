"""The bot on a real Valkey: what one answer of Telegram's means for all messages, and for the one itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from health import CheckName, Health, Metrics, Status
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.lane.lane_claim import Claimed
from outbox.link.chat_state import LinkState
from telegram import Budget, FloodWait, GateScope, Guard, LinkChange, Verdict
from tests.integration.pacing import BOT, Clock, paced
from workers.pacing.backpressure import Backpressure

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OK = Verdict(Delivered(1))
DOWN = Verdict(Retry(Reason.UNAVAILABLE), outage=True)
LOST = Verdict(Unknown(Reason.LOST_ANSWER), outage=True)
GONE = Verdict(Reject(Reason.UNREACHABLE), link=LinkChange(LinkState.UNREACHABLE))
SECONDS = timedelta(seconds=1)
NOTHING = timedelta(0)


def claimed(lane: int = 1, *, reason: str | None = None, in_pace: bool = True) -> Claimed:
    """Make a claimed delivery."""
    return Claimed(
        lane_id=lane,
        token=1,
        delivery_id=lane,
        event_id=lane,
        recipient=f"u-{lane}",
        attempts=0,
        expires_at=None,
        type="payout.paid",
        payload="{}",
        request_id=None,
        emitted_at=NOW,
        locale=None,
        chat_id=lane,
        thread_id=None,
        claimed_at=NOW,
        reason=reason,
        in_pace=in_pace,
    )


def flood(seconds: int, scope: GateScope = GateScope.CHAT) -> Verdict:
    """Make the verdict of a 429."""
    return Verdict(Snooze(seconds * SECONDS, Reason.FLOOD), gate=FloodWait(scope, seconds * SECONDS))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to the test's Valkey."""
    async with Redis.from_url(redis_url) as connected:
        yield connected


@pytest.fixture
def clock() -> Clock:
    """Let time stand still but where a test lets it pass."""
    return Clock()


def bot_of(redis: Redis, clock: Clock | None = None) -> Backpressure:
    """Make one worker's bot, on a test's clock if one is given."""
    health = Health("worker", "w1", (CheckName.TELEGRAM,))
    pacer = paced(redis, clock, rate=20, burst=10)
    return Backpressure(pacer, Guard(redis, BOT), health, Metrics(CollectorRegistry()), paid=False, out_of_reach=set())


@pytest.fixture
def bot(redis: Redis, clock: Clock) -> Backpressure:
    """Make the bot under test."""
    return bot_of(redis, clock)


async def outcomes(
    bot: Backpressure, *verdicts: Verdict, reason: str | None = None, probe: bool = False
) -> list[Outcome]:
    """Let the bot heed verdicts about different chats; give what they mean for their messages."""
    heeded = [
        await bot.heed(claimed(lane, reason=reason), verdict, probe=probe) for lane, verdict in enumerate(verdicts, 1)
    ]
    return [verdict.outcome for verdict in heeded]


def status(bot: Backpressure) -> Status:
    """Tell how health sees Telegram."""
    return bot.health.checks[CheckName.TELEGRAM].status


def spared(outcome: Outcome) -> bool:
    """Tell whether an outcome costs no attempt."""
    return isinstance(outcome, Snooze) or (isinstance(outcome, Unknown) and outcome.delay is not None)


async def test_an_answer_leaves_everything_open(bot: Backpressure) -> None:
    """A delivered message changes nothing for the others."""
    assert await outcomes(bot, OK) == [Delivered(1)]
    assert (await bot.pacer.gate_remaining(), status(bot)) == (NOTHING, Status.OK)


async def test_the_first_failure_costs_nothing(bot: Backpressure) -> None:
    """Nobody knows yet whether it is an outage: the message waits some seconds, the others go on."""
    [outcome] = await outcomes(bot, DOWN)
    assert spared(outcome)
    assert (await bot.pacer.gate_remaining(), status(bot)) == (NOTHING, Status.DEGRADED)


async def test_a_message_that_fails_again_while_others_get_through_pays(bot: Backpressure) -> None:
    """Its own fault is not an outage: it uses its attempts up, or it would be tried for ever."""
    await outcomes(bot, OK)
    assert await outcomes(bot, DOWN, reason="unavailable") == [Retry(Reason.UNAVAILABLE)]


async def test_three_failures_in_a_row_close_the_gate(bot: Backpressure) -> None:
    """An outage pauses everybody, and costs none of them an attempt, whatever they failed of before."""
    await outcomes(bot, OK)
    assert all(map(spared, (await outcomes(bot, DOWN, DOWN, DOWN, DOWN, reason="unavailable"))[1:]))
    assert NOTHING < await bot.pacer.gate_remaining() <= SECONDS
    assert status(bot) is Status.UNHEALTHY


async def test_one_lost_answer_costs_an_attempt(bot: Backpressure) -> None:
    """It may be the message's own: resent by the schedule."""
    assert await outcomes(bot, LOST) == [Unknown(Reason.LOST_ANSWER)]


async def test_lost_answers_in_a_row_cost_none(bot: Backpressure) -> None:
    """A Telegram that hangs is an outage too; each resend is still counted as a possible duplicate."""
    first, *rest = await outcomes(bot, LOST, LOST, LOST, LOST)
    assert not spared(first)
    assert all(map(spared, rest))
    assert await bot.pacer.gate_remaining() > NOTHING


async def test_a_probe_that_fails_closes_the_gate_for_longer(bot: Backpressure, clock: Clock) -> None:
    """The pause doubles from probe to probe."""
    await outcomes(bot, DOWN, DOWN, DOWN)
    first = await bot.pacer.gate_remaining()
    await _opened(bot, clock)
    budget = await bot.pacer.reserve(5)
    assert (budget.granted, budget.probe) == (1, True)
    await outcomes(bot, DOWN, probe=True)
    assert await bot.pacer.gate_remaining() > first


async def test_a_probe_that_gets_through_opens(bot: Backpressure, clock: Clock) -> None:
    """Then all go again, at the rate."""
    await outcomes(bot, DOWN, DOWN, DOWN)
    await _opened(bot, clock)
    assert (await bot.pacer.reserve(5)).probe
    assert (await bot.pacer.reserve(5)).granted == 0
    await outcomes(bot, OK, probe=True)
    assert not (await _granted(bot, clock)).probe
    assert status(bot) is Status.OK


async def test_a_probe_that_was_never_sent_is_tried_again(bot: Backpressure, clock: Clock) -> None:
    """A message without a chat shows nothing: the next one probes at once."""
    await outcomes(bot, DOWN, DOWN, DOWN)
    await _opened(bot, clock)
    assert (await bot.pacer.reserve(5)).probe
    await outcomes(bot, Verdict(Reject(Reason.NO_LINK), requests=0), probe=True)
    assert (await _granted(bot, clock)).probe


async def _opened(bot: Backpressure, clock: Clock) -> None:
    """Let pass what the gate is still closed."""
    clock.pass_by(await bot.pacer.gate_remaining())


async def _granted(bot: Backpressure, clock: Clock) -> Budget:
    """Ask until something is granted, each time when told to."""
    while (budget := await bot.pacer.reserve(1)).granted == 0:
        clock.pass_by(budget.wait)
    return budget


async def test_a_429_to_a_chat_that_kept_its_pace_is_about_the_bot(bot: Backpressure) -> None:
    """Telegram does not say whom it means: a chat that was not pressed cannot be it."""
    await outcomes(bot, flood(30))
    assert await bot.pacer.gate_remaining() > 29 * SECONDS
    assert bot.pacer.rate == 10


async def test_a_429_to_a_chat_in_its_burst_is_about_the_chat(bot: Backpressure) -> None:
    """Only this lane waits, by its own snooze; the metric counts the chat."""
    await bot.heed(claimed(1, in_pace=False), flood(30), probe=False)
    assert await bot.pacer.gate_remaining() == NOTHING
    assert bot.metrics.registry.get_sample_value("vestnik_telegram_gate_closed", {"scope": "chat"}) == 1


async def test_two_chats_with_a_429_close_the_bots_gate(redis: Redis, clock: Clock) -> None:
    """Within 5 s, also when different workers have met them."""
    one, other = bot_of(redis, clock), bot_of(redis, clock)
    await one.heed(claimed(1, in_pace=False), flood(30), probe=False)
    await other.heed(claimed(2, in_pace=False), flood(30), probe=False)
    assert await one.pacer.gate_remaining() > 29 * SECONDS


async def test_a_wait_for_the_whole_bot_is_obeyed(bot: Backpressure) -> None:
    """What the classification takes for the bot's closes its gate, whatever the chat's pace."""
    await bot.heed(claimed(1, in_pace=False), flood(5, GateScope.BOT), probe=False)
    assert await bot.pacer.gate_remaining() > 4 * SECONDS
    assert status(bot) is Status.DEGRADED


async def test_a_second_request_is_taken_from_the_rate(bot: Backpressure) -> None:
    """A message that went out in two requests leaves less for the others."""
    await outcomes(bot, *[replace(OK, requests=2)] * 200)
    assert (await bot.pacer.reserve(1)).granted == 0


async def test_a_refused_bot_stops_everything(bot: Backpressure) -> None:
    """A wrong token: nothing is claimed any more, nothing dies, no link is touched, until getMe answers."""
    verdict = Verdict(Snooze(10 * SECONDS, Reason.BOT_REFUSED), stop_bot=True)
    assert await outcomes(bot, verdict) == [verdict.outcome]
    assert (bot.refused.is_set(), status(bot)) == (True, Status.UNHEALTHY)
    assert await bot.pacer.gate_remaining() > NOTHING
    bot.known()
    assert (bot.refused.is_set(), status(bot)) == (False, Status.OK)


async def test_too_many_refused_chats_are_not_believed(bot: Backpressure) -> None:
    """From the twentieth on no link is touched, the messages wait, and all sends rest."""
    heeded = [await bot.heed(claimed(lane), GONE, probe=False) for lane in range(1, 23)]
    assert heeded[:19] == [GONE] * 19
    assert [verdict.link for verdict in heeded[19:]] == [None] * 3
    assert all(verdict.outcome == Snooze(60 * SECONDS, Reason.UNLINK_GUARD) for verdict in heeded[19:])
    assert [verdict.restore_links for verdict in heeded[19:]] == [300 * SECONDS, NOTHING, NOTHING]
    assert await bot.pacer.gate_remaining() > 59 * SECONDS
    assert status(bot) is Status.UNHEALTHY


async def test_without_redis_nothing_is_believed_of_a_chat() -> None:
    """The sends of the others are not known, so a refusal may be one of many."""
    bot = bot_of(Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1))
    heeded = await bot.heed(claimed(), GONE, probe=False)
    assert (heeded.link, spared(heeded.outcome)) == (None, True)
    assert (await bot.heed(claimed(), OK, probe=False)).outcome == Delivered(1)
