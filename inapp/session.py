"""Sessions: who an end user's token says they are, and since when."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from jwt.warnings import InsecureKeyLengthWarning

ALGORITHM = "HS256"
LEEWAY = timedelta(seconds=10)
"""How far the application's clock may be off."""

FAR = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""Some tokens never expire, and say so with a number that no calendar knows."""
LONGEST_RECIPIENT = 1024
"""Bytes; PostgreSQL has no index for much longer ones."""

# `vestnik doctor` says it once, in words; the library would say it on every request
warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)


class SessionError(Exception):
    """A token that does not hold; the message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a token says."""

    recipient: str
    issued_at: datetime | None
    """None: the token does not say it."""
    expires_at: datetime
    """From then on the token opens nothing; the clocks' leeway is in it."""

    def is_from_before(self, moment: datetime | None) -> bool:
        """Tell whether the token is older than that; one that does not say when it was issued is older than anything.

        `iat` is in whole seconds: one of the same second may be from before.
        """
        return moment is not None and (self.issued_at is None or self.issued_at < moment)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Reads and makes tokens: JWT, HS256."""

    secrets: Sequence[str]
    """A token signed with any of them holds; the first one signs."""
    audience: str | None = None
    """What `aud` must name; None: it is not looked at."""

    def read(self, token: str) -> Session:
        """Check a token.

        Raises:
            SessionError: it does not hold.

        """
        fault: jwt.PyJWTError = jwt.InvalidSignatureError()
        for secret in self.secrets:
            try:
                return _session(self._decode(token, secret))
            except jwt.InvalidSignatureError as signed_otherwise:
                fault = signed_otherwise
            except jwt.PyJWTError as refused:
                raise SessionError(_words(refused)) from None
        raise SessionError(_words(fault))

    def issue(self, recipient: str, lifetime: timedelta) -> str:
        """Make a token for a recipient."""
        now = datetime.now(UTC)
        claims: dict[str, object] = {"sub": recipient, "iat": now, "exp": now + lifetime}
        if self.audience is not None:
            claims["aud"] = self.audience
        return jwt.encode(claims, self.secrets[0], ALGORITHM)

    def _decode(self, token: str, secret: str) -> dict[str, object]:
        claims: dict[str, object] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=self.audience,
            leeway=LEEWAY,
            options={"require": ["sub", "exp"], "verify_aud": self.audience is not None},
        )
        return claims


def _session(claims: dict[str, object]) -> Session:
    issued_at = _moment("iat", claims["iat"]) if "iat" in claims else None
    return Session(_recipient(claims["sub"]), issued_at, _moment("exp", claims["exp"]) + LEEWAY)


def _recipient(sub: object) -> str:
    # half of a surrogate pair is a text that nothing can hold
    written = sub.encode(errors="replace") if isinstance(sub, str) else b""
    if not isinstance(sub, str) or not 0 < len(written) <= LONGEST_RECIPIENT or "\0" in sub or written.decode() != sub:
        raise SessionError("the token's sub is no recipient's id")
    return sub


def _moment(claim: str, seconds: object) -> datetime:
    # the library takes "17" and true as well, but has refused what is not finite
    if type(seconds) not in (int, float):
        raise SessionError(f"the token's {claim} is no number")
    return datetime.fromtimestamp(min(max(seconds, 0), FAR), UTC)  # type: ignore[call-overload]  # a number by now


def _words(fault: jwt.PyJWTError) -> str:
    match fault:
        case jwt.ExpiredSignatureError():
            return "the token has expired"
        case jwt.MissingRequiredClaimError():
            return f"the token has no {fault.claim}"
        case jwt.InvalidSignatureError() | jwt.InvalidAlgorithmError():
            return "the token is not signed by this application"
        case jwt.InvalidAudienceError():
            return "the token is for another audience"
        case jwt.ImmatureSignatureError():
            return "the token does not hold yet"
        case _:
            return "the token is malformed"
