"""Versions of other packages that are known to break a run, told from what is installed, before anything is imported.

A row is added when a release breaks us or lmms-eval, and goes when no lmms-eval that we take needs it any longer.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from lmms_eval_cross.errors import VersionError


@dataclass(frozen=True, slots=True)
class KnownBad:
    """Versions of a package that break another one."""

    name: str
    """The distribution, as pip names it."""
    specifier: str
    """Its versions that break, as pip writes them: `>=4.3`."""
    needed_by: str
    """The distribution that breaks."""
    needed_by_specifier: str
    """Its versions that break."""
    breaks: str
    """What goes wrong; goes on after "it"."""
    mend: str
    """The command that mends it."""


KNOWN_BAD: Final = (
    KnownBad(
        name="filelock",
        specifier=">=4.3",
        needed_by="lmms-eval",
        needed_by_specifier="<=0.7.3",
        breaks="has no `filelock._api`, which every run of it imports",
        mend='python -m pip install "filelock<4.3"',
    ),
)


@dataclass(frozen=True, slots=True)
class BadVersion:
    """A known-bad version that is installed."""

    known: KnownBad
    version: str
    needed_by_version: str

    @property
    def sentence(self) -> str:
        """What is installed, what it breaks, and the command that mends it."""
        known = self.known
        return (
            f"{known.name} {self.version} does not go with {known.needed_by} {self.needed_by_version}: "
            f"it {known.breaks}; mend it with `{known.mend}`."
        )


def find_known_bad() -> list[BadVersion]:
    """The known-bad versions in this environment, in the table's order; reads metadata and imports none of them."""
    bad = []
    for known in KNOWN_BAD:
        installed = installed_version(known.name)
        needed_by = installed_version(known.needed_by)
        if _matches(installed, known.specifier) and _matches(needed_by, known.needed_by_specifier):
            bad.append(BadVersion(known, str(installed), str(needed_by)))
    return bad


def refuse_known_bad() -> None:
    """Nothing, in an environment without a known-bad version.

    Raises:
        VersionError: there is one; all of them are named.
    """
    bad = find_known_bad()
    if bad:
        raise VersionError(" ".join(row.sentence for row in bad))


def installed_version(name: str) -> str | None:
    """The version that an import would meet, or None where the distribution is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _matches(installed: str | None, specifier: str) -> bool:
    """Whether a version is among those of a specifier; pre-releases count, an unreadable version does not."""
    try:
        return installed is not None and SpecifierSet(specifier).contains(installed, prereleases=True)
    except InvalidVersion:
        return False
