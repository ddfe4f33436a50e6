"""One Valkey server on a private socket: start it, stop it, kill it, let it follow another, ask it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..guard import Guard
from ..sampled import server as sampled

if TYPE_CHECKING:
    from valkey import Valkey

LIST = "writes"
_SETTINGS = {
    "port": "0",  # it listens on its socket only
    "unixsocketperm": "700",
    "save": '""',
    "appendonly": "no",
    "repl-diskless-sync": "no",  # or a new replica gets nothing until its next report, for up to a second
    "repl-diskless-load": "swapdb",
    "maxclients": "500",
    "logfile": "log",
}


class Server(sampled.Server):
    """One server. What it holds is in its memory only: a restarted one is empty.

    Every write appends to one list, so that the list's length is the number of the last write that the server has.

    Parameters
    ----------
    guard : Guard
        Ends it in the end.
    program : Path
        `valkey-server`, which the guard's owner may run.
    name : str
        Of the node, such as "s1".
    password : str
        What clients and replicas must know.

    Attributes
    ----------
    socket : Path
        Where it listens.
    settings : dict of str to str
        What holds from the next start on.
    """

    def __init__(self, guard: Guard, program: Path, name: str, password: str) -> None:
        super().__init__(guard, name)
        self.program = program
        self.settings = _SETTINGS | {"requirepass": password, "masterauth": password, "unixsocket": str(self.socket)}
        self._password = password

    # -- running it -----------------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start it, empty."""
        file = self.home / "valkey.conf"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name} {value}\n" for name, value in self.settings.items()))
        self.guard.give(file)
        for left in (self.socket, self.home / "dump.rdb"):  # a copy that it made for a replica
            left.unlink(missing_ok=True)
        self._process = self.guard.spawn([self.program, file], cwd=self.home)

    def answers(self) -> bool:
        import valkey

        try:
            self.ask("PING")
        except valkey.ConnectionError:
            return False
        return True

    # -- asking it ------------------------------------------------------------------------------------------------

    def connect(self) -> Valkey:
        """Open a client, straight to its socket. It is a context manager that closes."""
        import valkey

        return valkey.Valkey(unix_socket_path=str(self.socket), password=self._password, decode_responses=True)

    def ask(self, *words: str | int) -> Any:
        """Run one command and return its answer."""
        with self.connect() as client:
            return client.execute_command(*words)

    def follow(self, host: str, port: int) -> None:
        """Be a replica of the server that is reached there. What it has and that one has not is discarded."""
        self.ask("REPLICAOF", host, port)

    def lead(self) -> int:
        """Be a primary from now on, and return how many writes it has."""
        self.ask("REPLICAOF", "NO", "ONE")
        return self.count()

    def count(self) -> int:
        """Return how many writes it holds."""
        return int(self.ask("LLEN", LIST))

    def replication(self) -> dict[str, Any]:
        """Return what it says of its replication: role, offsets in bytes, whose history its data are."""
        with self.connect() as client:
            return dict(client.info("replication"))

    def contents(self) -> list[int]:
        """Return the values of the writes that it holds, in its order: the write of LSN n is the n-th."""
        return [int(element.split(":")[1]) for element in self.ask("LRANGE", LIST, 0, -1)]

    def unblock(self) -> int:
        """Let everyone who waits in a WAIT go on as if its timeout were over; return how many did."""
        with self.connect() as client:
            waiting = [entry["id"] for entry in client.client_list() if "b" in entry["flags"]]
            return sum(int(client.client_unblock(int(number))) for number in waiting)


def command(key: int, value: int, size: int) -> bytes:
    """Return a write as Valkey's protocol has it: about so many bytes, always the same for one size."""
    element = f"{key}:{value}:".ljust(max(size - 40, 24), "x")
    return f"*3\r\n$5\r\nRPUSH\r\n${len(LIST)}\r\n{LIST}\r\n${len(element)}\r\n{element}\r\n".encode()
