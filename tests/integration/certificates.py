"""Certificates for the tests, made by openssl: an authority, and what it signs."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.engine import _system_user, temporary_folder

OPENSSL = shutil.which("openssl")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates; its own is `ca.crt`."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The certificate that others are asked to trust."""
        return self.folder / "ca.crt"

    def sign(self, name: str, *extensions: str) -> tuple[Path, Path]:
        """Make a certificate in this name; give it and its key, which only the engines' user may read."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        by = ("-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key"))
        _make(certificate, key, name, *by, *(word for one in extensions for word in ("-addext", one)))
        return certificate, key


@contextmanager
def authority() -> Iterator[Authority]:
    """Lend an authority for as long as the block lasts."""
    with temporary_folder("vestnik-certificates-") as folder:
        made = Authority(folder)
        _make(made.certificate, folder / "ca.key", "Authority")
        yield made


def _make(certificate: Path, key: Path, name: str, *more: str) -> None:
    out = ("-out", str(certificate), "-keyout", str(key), "-subj", f"/CN={name}")
    subprocess.run([str(OPENSSL), "req", "-x509", *KEY, *out, *more], check=True, capture_output=True)
    user = _system_user()
    if user is not None:
        shutil.chown(key, user)
    key.chmod(0o600)
