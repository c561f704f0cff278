"""Loaded by every Python that the tests start: no connection leaves this machine."""

import ipaddress
import socket
from typing import Any

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _check(address: Any) -> None:
    if isinstance(address, tuple) and address[0] != "localhost" and not ipaddress.ip_address(address[0]).is_loopback:
        raise RuntimeError(f"a test tried to reach {address[0]}: tests use the loopback only")


def connect(self: socket.socket, address: Any) -> None:
    """Connect to the loopback, or fail loudly."""
    _check(address)
    _connect(self, address)


def connect_ex(self: socket.socket, address: Any) -> int:
    """The same for non-blocking connects."""
    _check(address)
    return _connect_ex(self, address)


socket.socket.connect = connect  # type: ignore[method-assign]
socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
