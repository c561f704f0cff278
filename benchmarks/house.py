"""How the code is built, in numbers: `python -m benchmarks.house [FOLDER]`; a folder of another commit compares.

Modules, median and longest function, comprehensions and conditional expressions per 1,000 lines, imports inside
functions, and names of files and of classes that stand more than once.
"""

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def modules(root: Path) -> list[Path]:
    """The package's files and the hooks' ones."""
    return sorted(file for part in ("lmms_eval_cross", "utils") for file in (root / part).rglob("*.py"))


def functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines and name of every function, its docstring counted."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, node.name


def late_imports(tree: ast.Module) -> int:
    """Imports inside functions."""
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, FUNCTIONS)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return len(inner)


def repeated(names: Iterable[str]) -> dict[str, int]:
    """Those that stand more than once, and how often."""
    return {name: count for name, count in sorted(Counter(names).items()) if count > 1}


def main(root: Path) -> None:
    """Print the numbers of the clone at `root`."""
    files = modules(root)
    texts = [file.read_text(encoding="utf-8") for file in files]
    trees = [ast.parse(text) for text in texts]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    lines = sum(len(text.splitlines()) for text in texts)
    lengths = sorted(length for tree in trees for length in functions(tree))
    comprehensions = sum(isinstance(node, COMPREHENSIONS) for node in nodes)
    conditionals = sum(isinstance(node, ast.IfExp) for node in nodes)
    stems = repeated(file.stem for file in files if not file.stem.startswith("__"))
    classes = repeated(node.name for node in nodes if isinstance(node, ast.ClassDef))
    print(f"modules                              {len(files)} ({lines:,} lines)")
    print(f"median function                      {statistics.median(length for length, _ in lengths):g} lines")
    print(f"longest function                     {lengths[-1][0]} lines ({lengths[-1][1]})")
    print(f"comprehensions per 1,000 lines       {1000 * comprehensions / lines:.1f}")
    print(f"conditional expr. per 1,000 lines    {1000 * conditionals / lines:.1f}")
    print(f"imports inside functions             {sum(map(late_imports, trees))}")
    print(f"file names that stand twice or more  {len(stems)} {stems}")
    print(f"class names that stand twice or more {len(classes)} {classes}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent)
