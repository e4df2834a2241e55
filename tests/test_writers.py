"""Only `dropgrid.files` opens files for writing, or gives files their names: each other module goes through it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "dropgrid"
ELSEWHERE = {
    "reports/publish.py": "results/ of a checkout",
    "store/earlier_format.py": "a temporary folder, from which merge copies",
    "cost/probe.py": "a temporary folder",
    "execution/forkserver.py": "a temporary folder for sockets",
}
"""Modules that write outside an outputs folder themselves -> where."""

METHODS = {"write_text", "write_bytes", "touch", "mkdir", "symlink_to", "hardlink_to", "rename"}
FUNCTIONS = {
    *(f"os.{name}" for name in ("rename", "replace", "link", "symlink", "mkdir", "makedirs", "mkfifo", "truncate")),
    *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move")),
    *(f"np.{name}" for name in ("save", "savez", "savez_compressed", "savetxt")),
    *("torch.save", "save_file", "tempfile.mkstemp", "tempfile.mkdtemp", "tempfile.NamedTemporaryFile"),
}
INTO_A_FILE = {"file", "copy", "buffer", "sound", "drawn", "hashed"}
"""Names of open files, which these functions may be given."""


def writes(node):
    """What a call writes, or None."""
    called = ast.unparse(node.func)
    given = [ast.unparse(each) for each in [*node.args, *(each.value for each in node.keywords)]]
    if called == "open" or called.endswith((".open", ".fdopen")):
        modes = [each for each in given[:4] if each.startswith(("'", '"')) and len(each) <= 5]
        opens = any(set(mode) & set("wax+") for mode in modes) or any("O_WRONLY" in x or "O_RDWR" in x for x in given)
        elsewhere = "os.devnull" in given or any(each.arg == "fileobj" for each in node.keywords)
        return called if opens and not elsewhere else None
    into_a_file = called.startswith(("np.", "torch.")) and INTO_A_FILE & {*given}
    methods = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
    return called if methods or (called in FUNCTIONS and not into_a_file) else None


def found(text):
    return [
        f"{node.lineno}: {what}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and (what := writes(node))
    ]


def test_nothing_else_writes_files():
    modules = {str(path.relative_to(PACKAGE)): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
    assert found(modules.pop("files.py")) and len(modules) > 300
    wrong = {name: lines for name, text in modules.items() if (lines := found(text)) and name not in ELSEWHERE}
    assert not wrong
    assert all(found(modules[name]) for name in ELSEWHERE), "what no longer writes itself is not listed"


@pytest.mark.parametrize(
    "text",
    [
        'open(path, "w")',
        'open(path, mode="ab")',
        'path.open("x")',
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "path.write_text(x)",
        "(a / b).touch()",
        "os.replace(a, b)",
        "shutil.copy2(a, b)",
        "np.savez(path, **x)",
        "torch.save(x, path)",
        "path.parent.mkdir(parents=True)",
    ],
)
def test_a_write_is_found_however_it_is_written(text):
    assert found(text)


@pytest.mark.parametrize("text", ["open(path)", 'open(path, "rb")', "np.save(file, x)", "text.replace(a, b)"])
def test_what_writes_no_file_is_left_alone(text):
    assert not found(text)
