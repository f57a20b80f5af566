"""What Python source says of itself, read and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that it imports, by their whole names; those of its own package (from .x) are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
