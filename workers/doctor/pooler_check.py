"""What the doctor thinks of what stands between us and PostgreSQL, and of what DATABASE_URL says of it."""

from outbox.database.pgbouncer import YES, is_pooled
from outbox.database.pooler import Pooler, pooler_of
from workers.doctor.finding import Finding, fail, ok, warn


async def look_at_pooler(url: str) -> Finding:
    """Find out what stands between."""
    return judge(await pooler_of(url), said=is_pooled(url))


def judge(found: Pooler, *, said: bool) -> Finding:
    """Compare what stands between with what the address says."""
    match found, said:
        case Pooler.NONE, False:
            return ok("pooler", "none: PostgreSQL itself answers")
        case Pooler.NONE, True:
            says = f"{YES}, but PostgreSQL itself answers: it works, slower and without LISTEN"
            return warn("pooler", says, f"take {YES} out of DATABASE_URL")
        case Pooler.SESSION, True:
            says = "PgBouncer in session mode: each of our connections holds a server's for itself"
            return warn("pooler", says, "set pool_mode = transaction for this database")
        case _, True:
            return ok("pooler", "PgBouncer in transaction mode, as DATABASE_URL says")
        case _:
            says = f"a pooler in {found} mode stands between, and DATABASE_URL does not say so"
            return fail("pooler", says, f"add {YES} to the parameters of DATABASE_URL")
