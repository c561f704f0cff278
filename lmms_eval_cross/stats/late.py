"""SciPy's special functions, loaded when one is needed."""

from types import ModuleType


def special() -> ModuleType:
    """`scipy.special`, which takes longer to load than drawing an anchor or showing a ledger do in all without it."""
    import scipy.special

    functions: ModuleType = scipy.special
    return functions
