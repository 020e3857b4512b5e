"""`vestnik worker --once`: deliver all that is due, then end."""

from redis.exceptions import RedisError

from health import Check, CheckName, Health, Status, get_logger
from health import write as write_health
from workers.deliver import Deliverer
from workers.exit import Exit
from workers.parts import wire
from workers.preflight import preflight
from workers.queue import KINDS, Running, enqueue, make_worker, open_queue, slices_of
from workers.redis_client import why
from workers.settings import Settings
from workers.stop import stop_on_signals
from workers.watch import USES

log = get_logger()


async def run_once(settings: Settings) -> Exit:
    """Deliver all that is due, as one burst of Arq, and tell how it went.

    Raises:
        SettingsError, CatalogError, MigrationError, ForeignClusterError: it must not begin.

    """
    health = Health("worker", settings.instance, USES)
    async with wire(settings, health) as parts:
        await preflight(parts)
        stop_on_signals(parts)
        redis = open_queue(parts)
        async with Deliverer(parts) as deliverer:
            worker = make_worker(parts, slices_of(parts, deliverer), Running(), redis, burst=True)
            try:
                for kind in KINDS:
                    await enqueue(parts, redis, kind, once=True)
                await worker.main()
            except (RedisError, OSError, TimeoutError) as fault:
                log.error("redis_failed", error=fault)
                parts.health.record(CheckName.REDIS, Check(Status.UNHEALTHY, why(fault)))
                parts.out_of_reach.add("redis")
        await redis.aclose()
        if settings.health_file is not None:
            write_health(settings.health_file, health)
        log.info("run_finished", relayed=health.counters.relayed, sent=health.counters.sent, dead=health.counters.dead)
        if parts.out_of_reach:
            return Exit.OUT_OF_REACH
        return Exit.DIED if health.counters.dead else Exit.DONE
