"""The commands of docs/runbook.md and docs/health.md do what the pages say, each where its entry is about."""

import re
from collections.abc import Mapping

import pytest

from health import CheckName, Status
from tests import page
from tests.integration import scene
from tests.integration.scene import NEWEST, NOWHERE, Scene, both, has, says
from tests.integration.terminal import Terminal
from tests.systemd import entry as on_the_machine
from tests.unit.test_print_health import put

# migrations refuse a pooler
pytestmark = pytest.mark.direct

RUNBOOK, HEALTH = page.entries(page.read("runbook.md")), page.entries(page.read("health.md"))
RUNBOOK["whatever has fired"] = RUNBOOK.pop("")
CHECKS = {row.split("|")[2].strip(): row for row in HEALTH.pop("What a check says").splitlines() if "|" in row}
"""The rows of the table, by what a check says there."""
COMMAND = re.compile(r"^(?:.*(?:run|see) )?(vestnik .+)$")

ELSEWHERE: page.Elsewhere = {
    "vestnik worker --watch": ("tests/integration/stage.py", 'process(["worker", "--watch"]'),
    "vestnik worker --once": ("tests/integration/test_once.py", 'stage.run("worker", "--once"'),
    "vestnik bot": ("tests/integration/test_bot_process.py", 'process(["bot"]'),
    "vestnik api": ("tests/integration/test_api_process.py", 'process(["api"]'),
}
"""What starts a process."""

STATES = "select array_agg(state order by id) from outbox.delivery"
AT_HOME = "select bool_and(system_identifier = (select system_identifier from pg_control_system())) from outbox.cursor"
IS_APPLIED = "select count(*) from outbox.migration where number = 14"
EVENTS = "select count(*) from outbox.event"
CONSUMERS = "select array_agg(consumer) from outbox.cursor"
DOCTOR = "vestnik doctor"

SCENES: Mapping[str, Scene] = {
    "VestnikNoWorker": Scene(
        both(scene.foreign, scene.behind),
        mend={
            DOCTOR: (1, "vestnik migrate"),
            "vestnik migrate --check": (1, NEWEST),
            "vestnik migrate": (0, NEWEST),
            "vestnik cursor rebase": (0, "1 events were not yet relayed and will be"),
        },
        left={AT_HOME: True},
    ),
    "VestnikHeartbeatGone": Scene(scene.hung, {"vestnik print-health": (2, "stale")}),
    "VestnikOnceFails": Scene(has(REDIS_URL=f"redis://{NOWHERE}"), {DOCTOR: (1, "out of reach")}),
    "VestnikUnitFailed": Scene(
        scene.behind,
        {DOCTOR: (1, "vestnik migrate")},
        mend={
            "vestnik prune --dry-run": (1, f"the schema lacks {NEWEST}"),
            "vestnik migrate --check": (1, NEWEST),
        },
    ),
    "VestnikRelayLate": Scene(
        both(scene.foreign, says(CheckName.RELAY, Status.UNHEALTHY, "foreign cluster: run vestnik cursor rebase")),
        {
            "vestnik status": (0, "relay lag"),
            "vestnik cursor show": (0, "system_identifier 1 "),
            "vestnik print-health": (2, "foreign cluster"),
        },
        mend={"vestnik cursor rebase": (0, "1 events were not yet relayed and will be")},
        left={AT_HOME: True},
    ),
    "VestnikUnrouted": Scene(
        scene.unrouted,
        {"vestnik unrouted list": (0, "payout.payd")},
        mend={
            "vestnik catalog check": (0, "0 problems"),
            "vestnik unrouted discard TYPE --dry-run": (0, "payout.payd"),
            "vestnik unrouted discard TYPE": (0, "payout.payd"),
        },
        left={"select count(*) from outbox.waiting": 0},
    ),
    "VestnikDeliveryLate": Scene(
        both(scene.due, has(REDIS_URL=f"redis://{NOWHERE}")),
        {"vestnik status": (0, "lanes due 1")},
        mend={DOCTOR: (1, "out of reach")},
    ),
    "VestnikDeadLettersRise": Scene(
        both(scene.dead, scene.wrong_text),
        {
            "vestnik status": (0, "dead"),
            "vestnik dead list --newer 1h": (0, "template"),
            "vestnik dead show ID": (0, "template"),
            "vestnik catalog check": (1, "nothing"),
        },
        has(CATALOG_DIR=str(page.PROJECT / "examples/marketplace/catalog")),
        {
            "vestnik dead replay --reason template --newer 2h --dry-run": (0, "2 would be replayed"),
            "vestnik dead replay --reason template --newer 2h": (0, "2 replayed"),
        },
        {STATES: ["pending", "pending"]},
    ),
    "VestnikDeadLetterOld": Scene(
        both(scene.dead, scene.for_a_day),
        {
            "vestnik dead list --older 24h": (0, "template"),
            "vestnik dead show ID": (0, "template"),
            "vestnik trace ID": (0, "template"),
        },
        mend={
            "vestnik dead replay ID": (0, "1 replayed"),
            "vestnik dead discard --older 24h --dry-run": (0, "1 would be discarded"),
            "vestnik dead discard --older 24h": (0, "1 discarded"),
        },
        left={STATES: ["pending", "skipped"]},
    ),
    "VestnikUnknownWaits": Scene(
        scene.unknown,
        {"vestnik unknown list": (0, "lost_answer"), "vestnik trace ID": (0, "lost_answer")},
        mend={
            "vestnik unknown confirm ID": (0, "1 confirmed"),
            "vestnik unknown resend ID": (0, "1 sent again"),
        },
        left={STATES: ["sent", "pending"]},
    ),
    "VestnikGateClosed": Scene(
        both(
            has(TELEGRAM_API_BASE=f"http://{NOWHERE}"),
            says(CheckName.TELEGRAM, Status.UNHEALTHY, "too many chats are refused at once: is it the right bot"),
        ),
        {"vestnik print-health": (2, "too many chats are refused"), DOCTOR: (1, "getMe: unavailable")},
    ),
    "VestnikBotRefused": Scene(
        has(TELEGRAM_BOT_TOKEN="1:wrong"),  # the one that was revoked
        {DOCTOR: (1, "getMe: bot_refused")},
        scene.token_given,
        {DOCTOR: (0, "")},
    ),
    "VestnikBotStopped": Scene(
        both(scene.hung, has(WEBHOOK_URL="https://bot.example/telegram")),
        {"vestnik print-health": (2, "stale"), DOCTOR: (1, "Telegram has no webhook")},
    ),
    "VestnikBotConflict": Scene(scene.webhook, {DOCTOR: (1, "a webhook is set")}),
    "VestnikUnreadDrift": Scene(scene.miscounted, {"vestnik prove": (1, "missing")}),
    "VestnikTransactionOpen": Scene(scene.written, {"vestnik status": (0, "oldest open transaction, s")}),
    "VestnikOutboxLarge": Scene(
        scene.grown,
        {"vestnik prune --dry-run": (0, "events 1 "), "vestnik cursor show": (0, "cursor of billing")},
        mend={
            "vestnik prune": (0, "events 1 "),
            "vestnik prune --older-than 7d --unread-older-than 60d": (0, "events 1 "),
            "vestnik cursor drop NAME": (0, "dropped"),
        },
        left={EVENTS: 1, CONSUMERS: ["relay"]},
    ),
    "VestnikOutboxGrows": Scene(
        scene.grown,
        {"vestnik prune --dry-run": (0, "events 1 ")},
        mend={"vestnik prune": (0, "events 1 ")},
        left={EVENTS: 2},
    ),
    "`vestnik print-health`": Scene(
        scene.ran_once,
        {
            "vestnik print-health": (0, "ok: "),
            "vestnik print-health --checks": (0, "postgres"),
            "vestnik print-health --quiet /run/vestnik": (2, "once.json: stale"),
            "vestnik print-health --max-age 5m /run/vestnik/once.json": (0, "once.json: ok"),
            "vestnik print-health --json /run/vestnik": (2, '"verdict": "unhealthy"'),
        },
    ),
    "`out of reach: …`": Scene(has(DATABASE_URL=f"postgresql://a@{NOWHERE}/b"), {DOCTOR: (1, "out of reach")}),
    "`the schema lacks …: run vestnik migrate`": Scene(scene.behind, left={IS_APPLIED: 1}),
    "`the schema cannot be read: …`": Scene(
        scene.drifted,
        {DOCTOR: (0, "not what the migrations give"), "vestnik migrate --check": (1, "drift: index outbox.run_leased")},
    ),
    "`out of reach`, `out of reach: nothing is sent`": Scene(
        has(REDIS_URL=f"redis://{NOWHERE}"), {DOCTOR: (1, "out of reach")}
    ),
    "`out of reach`, `getMe: …`": Scene(
        has(TELEGRAM_API_BASE=f"http://{NOWHERE}"), {DOCTOR: (1, "getMe: unavailable")}
    ),
    "`too many chats are refused at once: is it the right bot`": Scene(look={DOCTOR: (0, "Telegram knows it as @")}),
    "`refuses what it is asked`": Scene(look={DOCTOR: (0, "Telegram knows it as @")}),
    "`WEBHOOK_URL is refused: …`": Scene(
        has(WEBHOOK_URL="http://10.0.0.1/x"), {DOCTOR: (1, "an address that Telegram can reach")}
    ),
    "`behind: see vestnik status`": Scene(scene.written, {"vestnik status": (0, "relay lag")}),
    "`foreign cluster: run vestnik cursor rebase`": Scene(scene.foreign, left={AT_HOME: True}),
}
"""Those that are about something else than an installation that is well."""


def commands(text: str) -> list[str]:
    """List the commands of Vestnik's own, in the page's order."""
    return [found[1] for line in page.typed(text) if (found := COMMAND.match(line))]


ENTRIES = {name: text for name, text in {**RUNBOOK, **HEALTH, **CHECKS}.items() if commands(text)}


def test_every_entry_has_its_commands() -> None:
    """These tests see the pages: each alert's entry names a command, and each scene is that of an entry."""
    assert set(RUNBOOK) <= set(ENTRIES)
    assert set(SCENES) <= set(ENTRIES)


def test_what_is_not_run_here_is_run_elsewhere() -> None:
    """A command that starts a process is run by another test; the booted machine runs what is not Vestnik's."""
    assert page.not_there(ELSEWHERE) == []
    texts = {**RUNBOOK, **HEALTH}.values()
    lines = {line for text in texts for line in page.in_blocks(text) if not on_the_machine.HERE.match(line)}
    assert lines <= {command for text in texts for command in commands(text)}


@pytest.mark.parametrize("entry", ENTRIES)
async def test_an_entrys_commands_run(terminal: Terminal, entry: str) -> None:
    """In the state that the entry is about each of its commands, in its order, does what the page says."""
    put(terminal.run, scene.WORKER)
    set_up = SCENES.get(entry, Scene())
    names = await set_up.state(terminal) or {}
    look, _, mend = ENTRIES[entry].partition("**Mend.**")
    seen = await follow(terminal, look, names, set_up.look)
    await set_up.fix(terminal)
    seen |= await follow(terminal, mend, names, set_up.mend)
    assert {*set_up.look, *set_up.mend} <= seen
    for query, answer in set_up.left.items():
        assert await terminal.stage.conn.fetchval(query) == answer, query


async def follow(terminal: Terminal, text: str, names: scene.Names, told: scene.Told) -> set[str]:
    """Type in what stands there, and hold how it ends to what is told; give what was typed in."""
    typed = [command for command in commands(text) if command not in ELSEWHERE]
    for command in typed:
        line = command
        for word, name in names.items():
            line = line.replace(word, name)
        code, words = told.get(command, (0, ""))
        done = await terminal.type_in(line)
        assert done[0] == code, (line, done)
        assert words in done[1], (line, done)
    return set(typed)
