"""A bucket whose server computes each request's signature itself; the standard library is all that it is made with."""

import re
import urllib.parse
import urllib.request
from dataclasses import dataclass

NAME, USER = "backups", "backup"
MAY_DO_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
# without versions moto calls an object that came in parts "null", and then does not find it
VERSIONED = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
ASKS = "AWS4-HMAC-SHA256 Credential=anybody/20260101/us-east-1/{service}/aws4_request"
"""Tells moto which service is meant, and is believed only until the bucket is made."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where it is, and the one key that it opens to."""

    endpoint: str
    key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables with which rclone uses it."""
        return {
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }

    @property
    def file(self) -> str:
        """Write the key as in ~/.aws/credentials."""
        return f"[default]\naws_access_key_id = {self.key}\naws_secret_access_key = {self.secret}\n"


def new_bucket(endpoint: str) -> Bucket:
    """Forget all that a server holds, and make an empty bucket in it, which nobody may use without its key."""
    _call(endpoint, "POST", "/moto-api/reset-auth", "inf")
    _call(endpoint, "POST", "/moto-api/reset")
    _iam(endpoint, Action="CreateUser", UserName=USER)
    _iam(endpoint, Action="PutUserPolicy", UserName=USER, PolicyName="all", PolicyDocument=MAY_DO_ALL)
    made = _iam(endpoint, Action="CreateAccessKey", UserName=USER)
    _call(endpoint, "PUT", f"/{NAME}", service="s3")
    _call(endpoint, "PUT", f"/{NAME}?versioning", VERSIONED, service="s3")
    _call(endpoint, "POST", "/moto-api/reset-auth", "0")
    key, secret = (re.findall(rf"<{name}>(.*?)</{name}>", made)[0] for name in ("AccessKeyId", "SecretAccessKey"))
    return Bucket(endpoint, key, secret)


def _iam(endpoint: str, **form: str) -> str:
    filled, kind = urllib.parse.urlencode(form), "application/x-www-form-urlencoded"
    return _call(endpoint, "POST", "/", filled, kind=kind, service="iam")


def _call(
    endpoint: str, method: str, path: str, body: str = "", *, kind: str = "text/plain", service: str = "moto"
) -> str:
    headers = {"authorization": ASKS.format(service=service), "content-type": kind}
    request = urllib.request.Request(f"{endpoint}{path}", body.encode(), headers, method=method)  # noqa: S310 (loopback)
    with urllib.request.urlopen(request) as answer:  # noqa: S310 (loopback)
        return str(answer.read().decode())
