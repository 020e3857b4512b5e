"""DATABASE_URL's own word, and REDIS_URL's Sentinels."""

import pytest

from outbox.database.pgbouncer import is_pooled, plain
from workers.configuration import sentinel_url

ADDRESS = "postgresql://u:p%40ss@a.example,b.example:6432/app"


@pytest.mark.parametrize(
    ("query", "pooled", "rest"),
    [
        ("", False, ""),
        ("?pgbouncer=true", True, ""),
        ("?pgbouncer=false", False, ""),
        (
            "?sslmode=verify-full&pgbouncer=true&sslrootcert=/a%20b.pem",
            True,
            "?sslmode=verify-full&sslrootcert=/a%20b.pem",
        ),
        ("?options=pgbouncer%3Dtrue", False, "?options=pgbouncer%3Dtrue"),
    ],
)
def test_the_word_is_ours_and_the_rest_the_drivers(query: str, *, pooled: bool, rest: str) -> None:
    """`pgbouncer=true` says that it stands between; the driver gets the address as it was written without that."""
    assert is_pooled(ADDRESS + query) is pooled
    assert plain(ADDRESS + query) == ADDRESS + rest


@pytest.mark.parametrize("query", ["?pgbouncer=", "?pgbouncer=1", "?pgbouncer=transaction", "?a=b&pgbouncer=yes"])
def test_another_word_is_refused(query: str) -> None:
    """What is neither true nor false would silently be taken for no."""
    with pytest.raises(ValueError, match=r"^it must say pgbouncer=true or pgbouncer=false, or nothing of it$"):
        plain(ADDRESS + query)


def test_an_address_of_sentinels() -> None:
    """It names the Sentinels with their ports, the service, its login and database, and options of both."""
    read = sentinel_url.parse(
        "rediss+sentinel://app:s%2Fcret@one.example,[::1]:26380/my%20master/3"
        "?ssl_ca_certs=/etc/ca.pem&sentinel_username=look&sentinel_password=out"
    )
    assert read.sentinels == (("one.example", 26379), ("::1", 26380))
    assert read.service == "my master"
    assert read.master == "rediss://app:s%2Fcret@master/3?ssl_ca_certs=%2Fetc%2Fca.pem"
    assert read.login == {"username": "look", "password": "out"}


def test_the_least_that_an_address_of_sentinels_says() -> None:
    """Without a login, a database and options it is database 0 of the service, and a Sentinel on its usual port."""
    read = sentinel_url.parse("redis+sentinel://one.example/mymaster")
    assert read == ((("one.example", 26379),), "mymaster", "redis://master/0?", {})


@pytest.mark.parametrize(
    "wrong",
    [
        "redis+sentinel://one.example",
        "redis+sentinel:///mymaster",
        "redis+sentinel://a/mymaster/x",
        "redis+sentinel://a,,b/m",
    ],
)
def test_no_address_of_sentinels(wrong: str) -> None:
    """Without a service, without a host, or with a database that is no number it is refused."""
    with pytest.raises(ValueError, match=r"^(it|its|one of its) "):
        sentinel_url.parse(wrong)
