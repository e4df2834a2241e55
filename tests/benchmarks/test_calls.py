"""Benchmarks are run by hand and seldom: what they call of the package must still take what they give it."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def called(tree):
    """(call, what of the package it calls) for every call by an imported name whose arguments stand there."""
    imported = {
        each.asname or each.name: (node.module, each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dropgrid.")
        for each in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in imported:
            spread = any(isinstance(each, ast.Starred) for each in node.args) or any(
                k.arg is None for k in node.keywords
            )
            if not spread:
                module, name = imported[node.func.id]
                yield node, getattr(import_module(module), name)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_what_is_called_takes_these_arguments(path):
    for call, what in called(ast.parse(path.read_text())):
        try:
            inspect.signature(what).bind(*call.args, **{each.arg: each.value for each in call.keywords})
        except TypeError as error:
            pytest.fail(f"{path.name}, line {call.lineno}: {what.__name__}: {error}")
