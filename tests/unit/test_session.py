"""Tokens: what holds, what does not, and that nothing in one is ever more than a refusal."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inapp.session import LEEWAY, SessionError, Tokens

SECRET, OLD, FOREIGN = "a" * 64, "b" * 32, "c" * 32
TOKENS = Tokens((SECRET, OLD))
NOW = int(datetime.now(UTC).timestamp())
DAY = 86_400
"""Seconds: other tests may take long before these begin."""
HOLDS: dict[str, Any] = {"sub": "alice", "iat": NOW, "exp": NOW + DAY}


def signed(claims: dict[str, Any], key: str = SECRET, algorithm: str = "HS256") -> str:
    """Sign claims, whatever they are: None leaves one out."""
    told = {name: value for name, value in {**HOLDS, **claims}.items() if value is not None}
    return jwt.api_jws.encode(jwt.PyJWT()._encode_payload(told), key, algorithm)


def refusal(token: str, tokens: Tokens = TOKENS) -> str:
    """Tell why a token does not hold."""
    with pytest.raises(SessionError) as caught:
        tokens.read(token)
    return str(caught.value)


@pytest.mark.parametrize("key", [SECRET, OLD])
def test_a_token_of_either_secret_holds(key: str) -> None:
    """While a secret is exchanged for another, tokens of both hold; each says who, since when and how long."""
    session = TOKENS.read(signed({}, key))
    assert session.recipient == "alice"
    assert session.issued_at == datetime.fromtimestamp(NOW, UTC)
    assert session.expires_at == datetime.fromtimestamp(NOW + DAY, UTC) + LEEWAY


def test_what_is_issued_holds() -> None:
    """A token of our own is signed with the first secret, and is read by whoever knows that one alone."""
    token = Tokens((SECRET, OLD), "inbox").issue("alice", timedelta(minutes=15))
    assert Tokens((SECRET,), "inbox").read(token).recipient == "alice"
    assert refusal(token, Tokens((OLD,), "inbox")) == "the token is not signed by this application"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": NOW - 11}, "the token has expired"),
    "no exp": ({"exp": None}, "the token has no exp"),
    "exp is text": ({"exp": "soon"}, "the token is malformed"),
    "exp is a number in a text": ({"exp": str(NOW + DAY)}, "the token's exp is no number"),
    "exp is infinite": ({"exp": float("inf")}, "the token is malformed"),
    "exp is a list": ({"exp": []}, "the token is malformed"),
    "no sub": ({"sub": None}, "the token has no sub"),
    "sub is a number": ({"sub": 7}, "the token is malformed"),
    "sub is empty": ({"sub": ""}, "the token's sub is no recipient's id"),
    "sub holds a NUL": ({"sub": "a\0b"}, "the token's sub is no recipient's id"),
    "sub holds half a pair": ({"sub": "a\ud800b"}, "the token's sub is no recipient's id"),
    "sub is too long": ({"sub": "я" * 513}, "the token's sub is no recipient's id"),
    "iat is text": ({"iat": "today"}, "the token is malformed"),
    "iat is true": ({"iat": True}, "the token's iat is no number"),
    "iat is in the future": ({"iat": NOW + DAY}, "the token does not hold yet"),
    "iat is infinite": ({"iat": float("-inf")}, "the token is malformed"),
    "iat is not a number": ({"iat": float("nan")}, "the token is malformed"),
    "nbf is in the future": ({"nbf": NOW + DAY}, "the token does not hold yet"),
}


@pytest.mark.parametrize(("claims", "why"), REFUSED.values(), ids=REFUSED)
def test_a_token_with_such_claims_does_not_hold(claims: dict[str, Any], why: str) -> None:
    """Each is refused with its own words."""
    assert refusal(signed(claims)) == why


@pytest.mark.parametrize(
    ("claims", "issued"),
    [({"iat": None}, None), ({"iat": -(10**300)}, 0), ({"iat": NOW - 0.5}, NOW - 0.5), ({"exp": 10**300}, NOW)],
    ids=["no iat", "before all time", "half a second", "until after all time"],
)
def test_odd_times_that_hold(claims: dict[str, Any], issued: float | None) -> None:
    """A token without `iat`, from before all time or until after it is no error."""
    issued_at = TOKENS.read(signed(claims)).issued_at
    assert issued_at == (None if issued is None else datetime.fromtimestamp(issued, UTC))


def test_the_clocks_may_be_off() -> None:
    """What is a few seconds early or late still holds."""
    now = int(datetime.now(UTC).timestamp())
    assert TOKENS.read(signed({"iat": now + 5})).recipient == "alice"
    assert TOKENS.read(signed({"exp": now - 5})).recipient == "alice"


def test_the_longest_id_holds() -> None:
    """1024 bytes, counted as they are stored."""
    assert TOKENS.read(signed({"sub": "я" * 512})).recipient == "я" * 512


def unsigned(header: str, claims: str = '{"sub": "alice", "exp": 9999999999}') -> str:
    """Put a token together without a signature."""
    parts = [urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


FOREIGNERS = {
    "another's key": signed({}, FOREIGN),
    "HS512 with our key": signed({}, SECRET, "HS512"),
    "alg none": jwt.encode(HOLDS, None, "none"),
    "alg None": unsigned('{"alg": "None", "typ": "JWT"}'),
    "alg is a list": unsigned('{"alg": ["none"]}'),
    "no alg": unsigned("{}"),
    "RS256": unsigned('{"alg": "RS256"}'),
    "the signature of another token": f"{signed({}).rpartition('.')[0]}.{signed({'sub': 'bob'}).rpartition('.')[2]}",
    "the claims of another token": ".".join(
        [signed({}).split(".")[0], signed({"sub": "bob"}).split(".")[1], signed({}).split(".")[2]]
    ),
    "no signature": signed({}).rpartition(".")[0] + ".",
    "a header as deep as a well": unsigned("[" * 40_000),
    "a header with a huge number": unsigned('{"alg": ' + "9" * 5000 + "}"),
    "claims that are no object": jwt.api_jws.encode(b"[1]", SECRET, "HS256"),
    "claims as deep as a well": jwt.api_jws.encode(b"[" * 40_000, SECRET, "HS256"),
    "text": "hello",
    "dots": "..",
    "umlauts": "ä.ö.ü",
    "nothing": "",
}


@pytest.mark.parametrize("token", FOREIGNERS.values(), ids=FOREIGNERS)
def test_what_this_application_did_not_sign_does_not_hold(token: str) -> None:
    """It is refused, and nothing of it is quoted."""
    assert refusal(token) in ("the token is not signed by this application", "the token is malformed")


@pytest.mark.parametrize(
    ("aud", "holds"), [("inbox", True), (["other", "inbox"], True), ("other", False), ([], False), (None, False)]
)
def test_the_audience_is_looked_at_where_one_is_set(aud: object, *, holds: bool) -> None:
    """`aud` must name ours, alone or among others."""
    token, tokens = signed({"aud": aud}), Tokens((SECRET,), "inbox")
    if holds:
        assert tokens.read(token).recipient == "alice"
    else:
        assert refusal(token, tokens) in ("the token is for another audience", "the token has no aud")
    assert TOKENS.read(token).recipient == "alice"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("sub", "iat", "exp", "nbf", "aud", "jti"), ANYTHING)))
def test_no_claims_are_more_than_a_refusal(claims: dict[str, Any]) -> None:
    """Whatever is signed is either a session or refused."""
    try:
        session = TOKENS.read(signed(claims))
    except SessionError:
        return
    assert session.recipient


def test_who_was_forgotten_needs_a_newer_token() -> None:
    """A token from before the moment, or one that does not say when it was issued, is from before."""
    moment = datetime.fromtimestamp(NOW - 100, UTC)
    assert TOKENS.read(signed({"iat": NOW - 101})).is_from_before(moment)
    assert TOKENS.read(signed({"iat": None})).is_from_before(moment)
    assert not TOKENS.read(signed({"iat": NOW - 99})).is_from_before(moment)
    assert not TOKENS.read(signed({"iat": None})).is_from_before(None)
