"""What the doctor looks at in Redis: reach, version, role, and what it throws away when it is full."""

from collections.abc import Mapping

from redis.exceptions import RedisError

from workers.configuration.settings import Settings, SettingsError
from workers.doctor.finding import Finding, fail, ok, warn
from workers.process.redis_client import connect, why

OLDEST_VERSION = (6, 2)

NEARLY_FULL = 0.9
"""Share of maxmemory in use above which somebody should look."""


async def look_at_redis(settings: Settings) -> list[Finding]:
    """Connect and look."""
    try:
        redis = connect(settings)
    except SettingsError as fault:
        return [fail("redis", str(fault), "set it")]
    try:
        info = await redis.info()
    except (RedisError, OSError, TimeoutError) as fault:
        return [fail("redis", f"{why(fault)}: {type(fault).__name__}", "does Redis run, and is REDIS_URL right?")]
    finally:
        await redis.aclose()
    return [judge_version(info), judge_memory(info)]


def judge_version(info: Mapping[str, object]) -> Finding:
    """Say whether this Redis can hold the queue and the limiter."""
    valkey = info.get("valkey_version")
    version = str(valkey or info.get("redis_version"))
    says = f"{'Valkey' if valkey else 'Redis'} {version}"
    if not valkey and tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        return fail("redis", says, "upgrade it: Redis 6.2 or Valkey 7.2 is the oldest that has what is needed")
    if info.get("cluster_enabled"):
        return fail("redis", f"{says} is a cluster, in which Arq's queue cannot live", "use one that is no cluster")
    if info.get("role") == "slave":
        return fail("redis", f"{says} is a replica, which cannot be written to", "let REDIS_URL name the master")
    return ok("redis", says)


def judge_memory(info: Mapping[str, object]) -> Finding:
    """Say what happens to the limiter and the queue when Redis is full."""
    policy, most = str(info.get("maxmemory_policy", "noeviction")), _number(info.get("maxmemory"))
    if policy != "noeviction":
        # what we keep there has a time to live, so the volatile ones throw it away too
        says = f"maxmemory-policy {policy}: a full Redis throws the pace of the sends away, and Telegram answers 429"
        return warn("redis memory", says, "set maxmemory-policy noeviction, or give Vestnik a Redis of its own")
    if most and _number(info.get("used_memory")) > NEARLY_FULL * most:
        return warn("redis memory", "is nearly full: then nothing is sent", "raise maxmemory; what else lives there?")
    return ok("redis memory", f"maxmemory-policy {policy}")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
