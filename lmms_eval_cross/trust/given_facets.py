"""The facets in force, as a command or a program is given them."""

from collections.abc import Iterable
from pathlib import Path

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets


def given_facets(path: Path | None, samples: Iterable[str]) -> Facets:
    """Those that every sample has, and those of the file, if one was given, of the samples with these ids.

    Raises:
        LabelError: as for `load_facets`.
    """
    if path is None:
        return OWN_FACETS
    # loads pyarrow and the session, which comparing and reporting do without
    from lmms_eval_cross.trust.facet_file import load_facets

    return load_facets(path, samples)
