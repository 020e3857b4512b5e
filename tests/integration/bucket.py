"""A bucket on the loopback interface: as much of S3's wire as a client needs to put, list, read and remove objects."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

KEY = "AKIATEST"
LISTED = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>b</Name><Prefix>{prefix}</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{contents}"
    "</ListBucketResult>"
)
CONTENT = (
    "<Contents><Key>{key}</Key><LastModified>2026-11-21T10:00:00.000Z</LastModified>"
    "<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


@dataclass
class Bucket:
    """What was put into it, and what it does wrong on order."""

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    cut: str = ""
    """Objects that end so lose their last byte on the way back."""


class _Answer(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Store an object whose MD5 is the one that was sent."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if KEY not in self.headers.get("Authorization", ""):
            return self._say(403)
        self.bucket.objects[self._key()] = body
        return self._say(200, etag=hashlib.md5(body, usedforsecurity=False).hexdigest())

    def do_GET(self) -> None:
        """Give an object, or list those that begin with a prefix."""
        asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "prefix" in asked:
            return self._list(asked["prefix"][0])
        return self._give()

    def do_HEAD(self) -> None:
        """Tell of an object."""
        self._give()

    def do_DELETE(self) -> None:
        """Remove an object."""
        self.bucket.objects.pop(self._key(), None)
        self._say(204)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    def _give(self) -> None:
        body = self.bucket.objects.get(self._key())
        if body is None:
            return self._say(404)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if self.bucket.cut and self._key().endswith(self.bucket.cut):
            body = body[:-1] + b"!"
        return self._say(200, body, etag=etag)

    def _list(self, prefix: str) -> None:
        contents = "".join(
            CONTENT.format(key=escape(key.partition("/")[2]), etag="0", size=len(body))
            for key, body in sorted(self.bucket.objects.items())
            if key.partition("/")[2].startswith(prefix)
        )
        self._say(200, LISTED.format(prefix=escape(prefix), contents=contents).encode())

    def _say(self, status: int, body: bytes = b"", *, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", formatdate(usegmt=True))
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Serve an empty bucket."""
    made = Bucket()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Answer", (_Answer,), {"bucket": made})) as server:
        made.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield made
        server.shutdown()
        serving.join()
