"""Which class the fields of a class come from, read in its source: to import it would take as long as torch does."""

import ast
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path


@cache
def declared_by(target: str) -> dict[str, str]:
    """The fields of a dataclass, each with the class that declares it last, both as package.module.Class.

    Nothing where the source is not to be had, or makes the class otherwise than by a class statement.
    """
    module, _, name = target.rpartition(".")
    statements, names = _read(module)
    for node in statements:
        if isinstance(node, ast.ClassDef) and node.name == name:
            found: dict[str, str] = {}
            for base in reversed(node.bases):
                first, _, rest = ast.unparse(base).partition(".")
                found |= declared_by(".".join(filter(None, [names.get(first, f"{module}.{first}"), rest])))
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    found[line.target.id] = "" if "ClassVar" in ast.unparse(line.annotation) else target
            return {field: owner for field, owner in found.items() if owner}
    return declared_by(names[name]) if names.get(name, target) != target else {}


@cache
def _read(module: str) -> tuple[list[ast.stmt], dict[str, str]]:
    """The statements of a module, and what the names that it imports stand for."""
    file = _find(module)
    try:
        statements = ast.parse(file.read_text("utf-8")).body if file else []
    except (OSError, SyntaxError, ValueError):  # whoever imports it says so
        return [], {}
    place = module.split(".") + [""] * (file is not None and file.name == "__init__.py")
    names: dict[str, str] = {}
    for node in statements:
        if isinstance(node, ast.Import):
            tops = [alias.name.partition(".")[0] for alias in node.names]
            names |= {a.asname or top: a.name if a.asname else top for a, top in zip(node.names, tops, strict=True)}
        elif isinstance(node, ast.ImportFrom):
            above = place[: -node.level] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            names |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names}
    return statements, names


def _find(module: str) -> Path | None:
    """The file of a module, found without importing the packages above it."""
    top, *inner = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    for part in inner:
        places = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(part, places) if places else None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
