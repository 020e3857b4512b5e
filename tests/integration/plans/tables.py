"""The tables that the statements are run on, and what the planner believes of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROWS = 30_000
"""Of each table that grows: one pass through it is far more than any statement may look at."""
FEW = 10

# autovacuum would come by whenever it likes: here the tables are analyzed when the test says so
STILL = """
do $$ declare t text; begin
  for t in select c.oid::regclass from pg_class c where c.relnamespace = 'outbox'::regnamespace and c.relkind = 'r' loop
    execute format('alter table %s set (autovacuum_enabled = off)', t);
  end loop;
end $$
"""

# Small, and the same on empty tables: the cursor stands below all events, and there are routes for their types.
BEGUN = """
update outbox.cursor set low = '400:400:', high = '400:400:' where consumer = 'relay';
insert into outbox.route (routing, type, category, channels, urgent)
select 1, 'type-' || n, 'orders', '{telegram,inapp}', n = 0 from generate_series(0, 4) n;
"""

# An outbox at work, each table's row n about the person u-n. Of ten lanes one is due and one waits, of a hundred one is
# leased and sends; of a hundred deliveries two are stuck. Three hundred events are still to be relayed; of those that
# wait many are due, and three hundred have a type that has become known. A hundred events came from each transaction. A
# few lanes have a history of thousands. $1 and $2 are the first row and the last.
FILL = (
    """
insert into outbox.event (id, xid, type, recipients, request_id, dedupe_key, deliver_at) overriding system value
select n, (3 + n / 100)::text::xid8, 'type-' || n / 10 % 4, array['u-' || 1 + n % 1000, 'u-' || n], 'r-' || n,
  'k-' || n, case when n % 100 = 1 then now() end
from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.event (id, xid, type, recipients) overriding system value
select 100000 + n, (500 + n / 100)::text::xid8, 'type-' || n % 4, array['u-' || 1 + n % 1000, 'u-' || n]
from generate_series($1::integer, $2::integer) n where n <= 300
""",
    """
insert into outbox.batch (events, routing, relayed_at)
select int8multirange(int8range(2 * n, 2 * n + 1, '[]')), 1,
  date_trunc('hour', now()) - (121 + n / 2) * interval '1 minute'
from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.waiting (event_id, type, reason, due_at)
select n, case when n % 20 = 15 and n <= 6000 then 'type-4' else 'other-' || n % 50 end,
  case when n % 2 = 0 or n % 20 = 5 then 'scheduled' else 'unrouted' end,
  case when n % 20 = 5 then now() - n * interval '1 second' when n % 2 = 0 then now() + n * interval '1 hour' end
from generate_series($1::integer, $2::integer) n
""",
    "insert into outbox.recipient (recipient) select 'u-' || n from generate_series($1::integer, $2::integer) n",
    """
insert into outbox.preference select 'u-' || n, 'orders', 'telegram', false
from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.telegram_link (id, recipient, chat_id, unlinked_at, state, fault, fault_since)
overriding system value
select n, 'u-' || n, n, case when n % 100 = 5 then now() end, case when n % 100 = 6 then 'blocked' else 'active' end,
  case when n % 100 = 6 then 'blocked' end, case when n % 100 = 6 then now() end
from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.lane (id, channel, recipient, busy, due_at, head, last_urgent) overriding system value
select n, 'telegram', 'u-' || n, n % 10 = 0 or n % 100 = 2, case when n % 10 = 1 then now() + interval '1 hour' end,
  h.head, case when n % 100 = 10 then h.head else 0 end
from generate_series($1::integer, $2::integer) n
cross join lateral (select case when n in (2, 10, 102, 110, 202) then 500000 + n else n end as head) h
""",
    """
insert into outbox.run (id, type, urgent, lease_until, lanes, heads) overriding system value
select min(n), case when n % 100 = 10 then '' else 'type-' || n / 10 % 4 end, n % 100 = 10,
  case when n % 100 = 2 then now() + case when n % 200 = 2 then interval '0' else interval '1 minute' end end,
  array_agg(n), array_agg(case when n in (2, 10, 102, 110, 202) then 500000 + n else n end)
from generate_series($1::integer, $2::integer) n where n % 10 = 0 or n % 100 = 2 group by 2, 3, 4, n / 300
""",
    """
insert into outbox.delivery (id, event_id, lane_id, channel, recipient, urgent, state, reason, settled_at)
overriding system value
select n, case when n % 10 = 5 then n - 1 else n end, lane_id, 'telegram', 'u-' || lane_id, n % 100 = 10, state,
  case when state in ('dead', 'unknown') then 'timeout' end,
  case when state not in ('pending', 'sending') then now() end
from generate_series($1::integer, $2::integer) n
cross join lateral (
  select case when n % 10 in (5, 6, 7) then n % 3 * 100 + 2 when n % 10 in (8, 9) then n % 2 * 100 + 10 else n end
      as lane_id,
    case
      when n in (2, 10, 102, 110, 202) then 'sent' when n % 10 < 2 or n % 100 = 2 then 'pending'
      when n % 100 = 3 then 'dead' when n % 100 = 4 then 'unknown' else 'sent'
    end as state
) d
""",
    # what is open behind a history, of events of the same types that went to none of these lanes
    """
insert into outbox.delivery (id, event_id, lane_id, channel, recipient, urgent, state) overriding system value
select 500000 + n, case when n % 10 = 2 then n - 1 else n - 3 end, n, 'telegram', 'u-' || n, n % 100 = 10, 'pending'
from generate_series($1::integer, $2::integer) n where n in (2, 10, 102, 110, 202)
""",
    """
insert into outbox.attempt (id, delivery_id, token, outcome, resent) overriding system value
select n, n, 1, 'retry', n % 100 = 4 from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.operator_action (id, delivery_id, action, operator) overriding system value
select n, n, 'replay', 'me' from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.live_message (lane_id, key, chat_id, message_id)
select n, 'key', n, n from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.inbox select 'u-' || n, case when n <= 1000 then 3 else 0 end, case when n <= 1000 then 30 else 0 end
from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.notification (id, event_id, recipient, type, category, version, read_at) overriding system value
select n, case when n % 10 = 5 then n - 1 else n end, 'u-' || 1 + n % 1000, 'login.code', 'security', (n + 999) / 1000,
  case when (n + 999) / 1000 % 10 <> 0 then now() end
from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.binding_request (recipient, token_hash, expires_at)
select 'u-' || n, sha256(n::text::bytea), now() + interval '1 hour' from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.link_audit (id, link_id, recipient, change, how) overriding system value
select n, n, 'u-' || n, 'linked', 'start' from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.telegram_update (bot_id, update_id, chat_id, failed_start)
select 1, n, n, n % 10 = 0 from generate_series($1::integer, $2::integer) n
""",
    """
insert into outbox.forgotten (digest) select outbox.digest_of('u-' || n)
from generate_series($1::integer, $2::integer) n
""",
)

BIG = frozenset(re.findall(r"insert into outbox\.(\w+)", "".join(FILL)))
"""Every table that grows: none of them is read through."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the planner believes of the tables, and why."""

    rows: int
    """How many rows there were when that was found out."""
    found: str | None
    """The command that found it out; None: nobody has."""


STATISTICS: Mapping[str, Statistics] = {
    "never made": Statistics(0, None),
    "made when empty": Statistics(0, "analyze"),
    "vacuumed when empty": Statistics(0, "vacuum"),
    "made at ten rows": Statistics(FEW, "vacuum analyze"),
    "analyzed": Statistics(ROWS, "vacuum analyze"),
}

# what the statements add gets ids beyond those
BEYOND = """
select setval(format('%I.%I', schemaname, sequencename), 1000000) from pg_sequences
where schemaname = 'outbox' and sequencename <> 'relay_asleep'
"""

# two transactions that were open when the log was last read, and two hundred that began since
LOW = "103:123:103,113"
HIGH = "203:203:"


def multiples(remainder: int, of: int = 100) -> Sequence[int]:
    """Name a batch of rows, evenly over the tables."""
    return range(remainder, ROWS, of)
