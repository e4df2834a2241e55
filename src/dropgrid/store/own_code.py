"""The code outside dropgrid that a config reaches: its modules, what they import of one's own, and packages.

A module that `DROPGRID_TARGETS` allows is hashed with all that it imports of the same distribution, or of files outside
any installed package; of other packages the version counts.
"""

import ast
import hashlib
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from importlib.machinery import all_suffixes
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

from dropgrid.store.identity import BUILT_ELSEWHERE, source_fingerprint

PACKAGES = {
    "dropgrid": "dropgrid",
    "torch": "torch",
    "torchvision": "torchvision",
    "pytorch_lightning": "pytorch-lightning",
    "hydra": "hydra-core",
    "omegaconf": "omegaconf",
    "numpy": "numpy",
    "PIL": "pillow",
    "numba": "numba",
    "llvmlite": "llvmlite",
    "triton": "triton",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "pytorch_optimizer": "pytorch-optimizer",
}
"""Module -> package, of those that decide pixels and arithmetic: every cell records the versions of those installed."""

RECORDED = {**PACKAGES, "timm": "timm"}
"""Module -> package, of those of which only the version counts, also where a config names a constructor in them."""

INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages."""


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version of those that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return found


def modules_outside(config: Any) -> list[str]:
    """Return the modules outside dropgrid of the constructors that a cell's config names, sorted."""
    model = config.get("model") if isinstance(config, Mapping) else None
    library = model.get("option") if isinstance(model, Mapping) else None
    named = {path.rpartition(".")[0] for path in paths_of(config)}
    return sorted(named.union([library] if library in BUILT_ELSEWHERE else []))


def paths_of(node: Any) -> Iterator[str]:
    """Iterate over the import paths of constructors outside dropgrid in a config, at any depth."""
    if isinstance(node, Mapping):
        path = node.get("_target_", node.get("option"))
        if isinstance(path, str) and "." in path and not path.startswith("dropgrid."):
            yield path
        for each in node.values():
            yield from paths_of(each)
    elif isinstance(node, list):
        for each in node:
            yield from paths_of(each)


@dataclass(frozen=True)
class Source:
    """A file of a module, as it was read."""

    name: str
    path: Path
    data: bytes

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree; None if it is no Python."""
        try:
            return ast.parse(self.data) if self.path.suffix == ".py" else None
        except (SyntaxError, ValueError):
            return None

    @cached_property
    def code(self) -> bytes:
        """The bytes without docstrings, comments and blank lines."""
        if self.tree is None:
            return self.data
        lines = self.data.splitlines(keepends=True)
        starts = [0, *accumulate(map(len, lines))]
        code = bytearray(self.data)
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.Expr))
        texts = [each for each in nodes if isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)]
        spans = [
            (starts[each.lineno - 1] + each.col_offset, starts[(each.end_lineno or 0) - 1] + (each.end_col_offset or 0))
            for each in texts
        ]
        for token in tokenize.tokenize(io.BytesIO(self.data).readline):
            if token.type == tokenize.COMMENT:
                start = starts[token.start[0] - 1] + len(token.line[: token.start[1]].encode())
                spans.append((start, start + len(token.string.encode())))
        for start, end in sorted(spans, reverse=True):
            del code[start:end]
        return b"\n".join(line.rstrip() for line in bytes(code).splitlines() if line.strip())

    @cached_property
    def imports(self) -> set[str]:
        """Dotted names that it imports, wherever the import stands; what is imported from a module may be one too."""
        found: set[str] = set()
        package = self.name if self.path.stem == "__init__" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree) if self.tree else []:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = absolute("." * node.level + (node.module or ""), package)
                found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in DYNAMIC:
                names = [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                found |= {absolute(name, package) for name in names}
        return {name for name in found if name and all(part.isidentifier() for part in name.split("."))}


DYNAMIC = ("import_module", "__import__")


def absolute(name: str, package: str) -> str:
    """Return the name of a module that is imported in a package, of which it may be relative: `..x`."""
    inner = name.lstrip(".")
    parts, level = package.split("."), len(name) - len(inner)
    return ".".join(filter(None, [*(parts[: len(parts) - level + 1] if level else []), inner]))


class Sources:
    """Source files outside dropgrid, each read once."""

    def __init__(self) -> None:
        self.read: dict[Path, Source] = {}

    def source(self, name: str) -> Source | None:
        """Return the file of a module; None for one that has none, or is not found."""
        path = file_of(name)
        if path is None:
            return None
        if path not in self.read:
            try:
                self.read[path] = Source(name, path, path.read_bytes())
            except OSError:
                return None
        return self.read[path]

    def closure(self, module: str) -> tuple[dict[str, Source], set[str]]:
        """Return the sources of a module and of what it imports of one's own, by name; and the other packages."""
        top = module.partition(".")[0]
        own = distributions(top) if is_installed(top) else frozenset[str]()
        found: dict[str, Source] = {}
        others: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            root, _, rest = name.partition(".")
            if root in sys.stdlib_module_names or root == "dropgrid" or name in found:
                continue
            if is_installed(root) and not (own & distributions(root)):
                others |= distributions(root)
                continue
            waiting += [name.rpartition(".")[0]] if rest else []  # a package's own file runs first
            if (source := self.source(name)) is not None:
                found[name] = source
                waiting += source.imports
        return found, others

    def code(self, config: Any) -> dict[str, str]:
        """Return module -> 12 hex digits of the sha256 of its code, of one's own modules that a config reaches."""
        digests = {module: self.digest(module) for module in modules_outside(config) if not is_recorded(module)}
        return {module: digest for module, digest in digests.items() if digest is not None}

    def digest(self, module: str) -> str | None:
        """Return the sha256 of a module's code and of what it imports of one's own; None if it is not found."""
        found, _ = self.closure(module)
        total = hashlib.sha256()
        for name in sorted(found):
            total.update(name.encode() + b"\0" + hashlib.sha256(found[name].code).digest())
        return total.hexdigest()[:12] if module in found else None

    def versions(self, config: Any) -> dict[str, str]:
        """Return package -> version of what decides pixels and arithmetic, and of what a config reaches beside it."""
        used = set[str]()
        for module in modules_outside(config):
            top = module.partition(".")[0]
            used |= distributions(top) if is_recorded(module) else self.closure(module)[1]
        return versions([*PACKAGES.values(), *sorted(used - {*PACKAGES.values()})])

    def read_loaded(self) -> None:
        """Read the files of the modules of one's own that this process has loaded."""
        for name in [*sys.modules]:
            root = name.partition(".")[0]
            if root not in sys.stdlib_module_names and root != "dropgrid" and not is_installed(root):
                self.source(name)


LOADED = Sources()
"""Sources of this process and of its forkserver: read when the modules were loaded, not when they are recorded."""


class CurrentCode:
    """The code as it is now, by which a result may be outdated; each file is read once."""

    def __init__(self) -> None:
        self.source, self.sources = source_fingerprint(), Sources()
        self.known: dict[str, str | None] = {}

    def differs(self, provenance: Mapping[str, Any]) -> bool:
        """Predicate: other code than this made a result. A module that is not found here says nothing."""
        if provenance.get("source") != self.source:
            return True
        return any(
            self.digest(module) not in (None, code) for module, code in (provenance.get("modules") or {}).items()
        )

    def digest(self, module: str) -> str | None:
        """Return `Sources.digest`, computed once."""
        if module not in self.known:
            self.known[module] = self.sources.digest(module)
        return self.known[module]


def file_of(name: str) -> Path | None:
    """Return the file of a module, which is not imported; None if it has none or is not found."""
    first, *parts = name.split(".")
    try:
        spec = find_spec(first)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    path = Path(spec.origin) if spec.origin and spec.has_location else None
    places = [Path(each) for each in spec.submodule_search_locations or []]
    for part in parts:
        packages = [place / part for place in places if (place / part).is_dir()]
        files = [place / f"{part}{suffix}" for place in places for suffix in all_suffixes()]
        files = [package / "__init__.py" for package in packages] + files
        path, places = next((each for each in files if each.is_file()), None), packages
    return path


@cache
def is_installed(top: str) -> bool:
    """Predicate: a top-level module lies among installed packages, or has no file at all."""
    path = file_of(top)
    if path is None:
        spec = find_spec(top) if top not in sys.modules else None
        places = [*spec.submodule_search_locations] if spec and spec.submodule_search_locations else []
        return any(part in Path(place).parts for place in places for part in INSTALLED)
    return any(part in path.parts for part in INSTALLED)


@cache
def distributions(top: str) -> frozenset[str]:
    """Return the distributions that a top-level module is of, their names in lower case with hyphens."""
    found = [RECORDED[top]] if top in RECORDED else all_distributions().get(top, [])
    return frozenset(name.lower().replace("_", "-") for name in found)


@cache
def all_distributions() -> Mapping[str, list[str]]:
    """Return top-level module -> distributions, of all that is installed, which takes a tenth of a second."""
    return metadata.packages_distributions()


def is_recorded(module: str) -> bool:
    """Predicate: of a module only the version of its package counts."""
    top = module.partition(".")[0]
    return top in RECORDED and is_installed(top)
