import pytest

from telegram.simulator.refusal import BadRequestError
from telegram.simulator.webhook import checked_address, checked_secret


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://bot.example.org/hook?x=1", "https://bot.example.org/hook?x=1"),
        ("bot.example.org/hook", "https://bot.example.org/hook"),
        ("https://bot.example.org:8443/", "https://bot.example.org:8443/"),
        ("https://8.8.8.8:88/", "https://8.8.8.8:88/"),
        ("http://127.0.0.1:18080/hook", "http://127.0.0.1:18080/hook"),
        ("http://localhost:9000/", "http://localhost:9000/"),
        ("http://[::1]:9000/", "http://[::1]:9000/"),
        ("https://bot.localhost:9000/", "https://bot.localhost:9000/"),
    ],
)
def test_an_address_that_is_taken(url: str, address: str) -> None:
    """HTTPS on an open port is taken, and this machine over either protocol on any port."""
    assert checked_address(url) == address


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://bot.example.org/", "bad webhook: An HTTPS URL must be provided for webhook"),
        ("https://bot.example.org:8080/", "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ("https://10.0.0.1/", "bad webhook: IP address 10.0.0.1 is reserved"),
        ("https://[2001:4860:4860::8888]/", "bad webhook: IPv6-only addresses are not allowed"),
        ("https://bot.invalid/", "bad webhook: Failed to resolve host: Name or service not known"),
        ("https://intranet/", "bad webhook: Failed to resolve host: Name or service not known"),
        ("ftp://bot.example.org/", "invalid webhook URL specified"),
        ("https://", "invalid webhook URL specified"),
        ("https://bot.example.org:0/", "invalid webhook URL specified"),
        ("https://bot.example.org:99999/", "invalid webhook URL specified"),
        ("https://bot example.org/", "invalid webhook URL specified"),
    ],
)
def test_an_address_that_is_refused(url: str, fault: str) -> None:
    """What Telegram could not or would not reach is refused in its words."""
    with pytest.raises(BadRequestError) as refused:
        checked_address(url)
    assert refused.value.description == f"Bad Request: {fault}"


@pytest.mark.parametrize("token", ["", "a", "A-z_0" * 51 + "x"])
def test_a_secret_that_is_taken(token: str) -> None:
    """Up to 256 letters, digits, hyphens and underscores."""
    assert checked_secret(token) == token


@pytest.mark.parametrize(
    ("token", "fault"),
    [("a" * 257, "secret token is too long"), ("a b", "secret token contains unallowed characters")],
)
def test_a_secret_that_is_refused(token: str, fault: str) -> None:
    """Anything else is refused."""
    with pytest.raises(BadRequestError, match=fault):
        checked_secret(token)
