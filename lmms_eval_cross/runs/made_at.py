"""When a run was made, in UTC: lmms-eval stamps runs in the zone of its --timezone, Singapore's by default."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DEFAULT_NAME: Final = "Asia/Singapore"
DEFAULT_ZONE: Final = timezone(timedelta(hours=8))
"""The same without a database of zones, which slim systems lack."""
STAMP: Final = "%Y%m%d_%H%M%S"


def made_at(results: Mapping[str, Any]) -> str:
    """The moment in a results.json as `2026-11-28T05:11:41Z`; empty if it has none.

    A stamp of another form, or of a zone that is not known here, stays as lmms-eval wrote it.
    """
    return in_utc(str(results.get("date", "")), _zone_of(results))


def stamp_now(results: Mapping[str, Any]) -> str:
    """Now, as lmms-eval stamps runs in the zone of a results.json."""
    return datetime.now(_zone(_zone_of(results))).strftime(STAMP)


def _zone_of(results: Mapping[str, Any]) -> str:
    arguments = results.get("config", {}).get("resolved_cli_args")
    if not isinstance(arguments, Mapping):
        return DEFAULT_NAME
    return str(arguments.get("timezone") or DEFAULT_NAME)


def in_utc(stamp: str, zone: str = DEFAULT_NAME) -> str:
    """lmms-eval's `20261128_131141` of a zone as `2026-11-28T05:11:41Z`."""
    try:
        local = datetime.strptime(stamp, STAMP).replace(tzinfo=_zone(zone))
        return local.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError):  # a zone may be any file's name
        return stamp


def _zone(name: str) -> tzinfo:
    if name == DEFAULT_NAME:
        return DEFAULT_ZONE
    return ZoneInfo(name)
