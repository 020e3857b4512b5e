"""What the doctor looks at in Redis: reach and version."""

from redis.exceptions import RedisError

from workers.doctor.finding import Finding, fail, ok
from workers.redis_client import connect
from workers.settings import Settings, SettingsError

OLDEST_VERSION = (6, 2)


async def look_at_redis(settings: Settings) -> list[Finding]:
    """Connect and look."""
    try:
        redis = connect(settings)
    except SettingsError as fault:
        return [fail("redis", str(fault), "set it")]
    try:
        return [_version(await redis.info("server"))]
    except (RedisError, OSError, TimeoutError) as fault:
        return [fail("redis", f"out of reach: {type(fault).__name__}", "does Redis run, and is REDIS_URL right?")]
    finally:
        await redis.aclose()


def _version(info: dict[str, object]) -> Finding:
    valkey = info.get("valkey_version")
    version = str(valkey or info.get("redis_version"))
    says = f"{'Valkey' if valkey else 'Redis'} {version}"
    if not valkey and tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        return fail("redis", says, "upgrade it: Redis 6.2 or Valkey 7.2 is the oldest that has what is needed")
    return ok("redis", says)
