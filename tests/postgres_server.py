"""A PostgreSQL of the tests' own: a cluster in a passing folder, on a socket, as a user other than root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from lmms_eval_cross.ledger.address import Server

FAST = ("fsync=off", "shared_buffers=16MB", "listen_addresses=", "max_connections=60", "log_min_messages=fatal")


def programs() -> Path | None:
    """Where `initdb` and `pg_ctl` are, None where PostgreSQL is not installed."""
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)  # not on the PATH there
    found = of_debian[0] if of_debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A server that can be stopped and started again."""

    def __init__(self, where: Path, port: int | None = None, replica_of: "PostgresServer | None" = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cross-pg-"))
        self._programs, self._names = where, count()
        self._user: list[str] = []
        if os.geteuid() == 0:
            self._user = ["setpriv", "--reuid=nobody", f"--regid={pwd.getpwnam('nobody').pw_gid}", "--clear-groups"]
            self.give(self.folder)
        settings = [*FAST, f"unix_socket_directories={self.folder}"]
        self._port = port or 5432
        if port is not None:
            settings += ["listen_addresses=127.0.0.1", f"port={port}"]
        self._options = " ".join(f"-c {setting}" for setting in settings)
        if replica_of is None:
            self._do("initdb", "--username=owner", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        else:
            self._copy(replica_of)
        self.start()

    def _copy(self, first: "PostgresServer") -> None:
        """Become a replica, which follows the first server."""
        source = [f"--host={first.folder}", f"--port={first._port}", "--username=owner"]
        self._do("pg_basebackup", *source, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")

    def give(self, folder: Path) -> None:
        """Let the server's user have a folder."""
        if self._user:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def start(self) -> None:
        """Start the server; it answers when this returns."""
        self._do("pg_ctl", "--wait", f"--options={self._options}", "--log=/dev/null", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast` ends what is under way, `immediate` is a crash."""
        self._do("pg_ctl", "--wait", f"--mode={mode}", "stop")

    def promote(self) -> None:
        """Have a replica take over."""
        self._do("pg_ctl", "--wait", "promote")

    def new_database(self, options: str = "") -> Server:
        """An empty database; `options` of CREATE DATABASE."""
        name = f"ledger{next(self._names)}"
        self.sql(f"CREATE DATABASE {name} {options}", "postgres")
        return Server(f"postgresql://owner@/{name}?host={self.folder}&port={self._port}")

    def sql(self, statement: str, database: str) -> str:
        """Run a statement as the owner; what it prints, bare."""
        command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--username=owner"]
        command += [f"--host={self.folder}", f"--port={self._port}"]
        return self._run([*command, "--set=ON_ERROR_STOP=1", "--command", statement, database])

    def close(self) -> None:
        """Stop it for good and delete the folder."""
        subprocess.run(self._command(["pg_ctl", "--mode=immediate", "stop"]), capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _do(self, *command: str) -> None:
        self._run(command)

    def _run(self, command: Sequence[str]) -> str:
        done = subprocess.run(self._command(command), capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout.strip()

    def _command(self, command: Sequence[str]) -> list[str]:
        program, *arguments = command
        data = [] if program == "psql" else [f"--pgdata={self.folder / 'data'}"]
        return [*self._user, str(self._programs / program), *data, *arguments]
