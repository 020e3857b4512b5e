"""A place for backups, and deploy/backup.sh, which writes them there."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.stage import PATIENCE_S, PROJECT, Finished

SCRIPT = PROJECT / "deploy" / "backup.sh"
KINDS = ("dump", "owner.sql", "roles.sql", "sha256")
PROGRAMS = ("psql", "pg_dump", "pg_restore")
REAL = '#!/bin/sh\nexec "{real}" "$@"\n'


@dataclass(frozen=True, slots=True)
class Backups:
    """A place for backups, and programs of PostgreSQL that a test may change."""

    folder: Path
    programs: Path
    binaries: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **environment: str) -> Finished:
        """Run the script to its end."""
        given = {"PATH": os.environ["PATH"], "PG_BIN": str(self.programs), "BACKUP_TO": str(self.folder)}
        done = subprocess.run(
            [str(SCRIPT), *arguments],
            env={**given, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def program(self, name: str, text: str) -> None:
        """Put a script in the place of a program; `{real}` in it is the real one."""
        path = self.programs / name
        path.write_text(text.replace("{real}", str(self.binaries / name)))
        path.chmod(0o755)

    def good(self) -> list[str]:
        """Name those that are whole, oldest first, and hold the folder to hold nothing else."""
        names = sorted(path.name.removesuffix(".sha256") for path in self.folder.glob("*.sha256"))
        files = {path.name for path in self.folder.iterdir()} - {".lock"}
        assert files == {f"{name}.{kind}" for name in names for kind in KINDS}
        return names
