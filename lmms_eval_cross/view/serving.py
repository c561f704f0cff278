"""Serve the page until the user ends it."""

import ipaddress
import secrets
import socket
from contextlib import suppress
from typing import Final

import uvicorn

from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.say import say
from lmms_eval_cross.view.app import make_app
from lmms_eval_cross.view.watched import Watched

LOOPBACK: Final = "127.0.0.1"
_OURS: Final = (LOOPBACK, "localhost")


def serve(watched: Watched, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; the address is printed, with a token where others can reach it.

    Args:
        watched: what is shown.
        host: an IPv4 address or a name of this machine.
        port: 0 takes a free one.

    Raises:
        SettingsError: the address can't be taken.
    """
    listening = _listen(host, port)
    token = None if _is_loopback(host) else secrets.token_urlsafe(32)
    say(f"{_address(host, listening.getsockname()[1], token)}  (Ctrl-C ends it)")
    config = uvicorn.Config(make_app(watched, _names(host), token), log_level="warning", lifespan="off", ws="none")
    with listening, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        host.encode("idna")
    except UnicodeError:
        raise SettingsError(f"{host[:80]!r} is no name of a machine; give another --host.") from None
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} can't be served ({error.strerror}); give another --port or --host."
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(host: str, port: int, token: str | None) -> str:
    shown = socket.gethostname() if host == "0.0.0.0" else host
    return f"http://{shown}:{port}/{'' if token is None else f'?token={token}'}"


def _names(host: str) -> list[str]:
    """By which the page may be addressed."""
    if _is_loopback(host):
        return [*_OURS]
    if host != "0.0.0.0":
        return [*_OURS, host]
    name = socket.gethostname()
    with suppress(OSError):
        return [*_OURS, name, socket.getfqdn(), *socket.gethostbyname_ex(name)[2]]
    return [*_OURS, name]
