"""Values that a clumsy or hostile hand may write."""

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st


def many(count):
    """So many examples, the same each time; what fails is gathered by the trial, and not made smaller."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=False,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


ESCAPE = Path(os.path.realpath(tempfile.gettempdir())) / f"dropgrid-escape-{os.getpid()}"
"""What an input that ran writes: outside the folder of every trial, and no other process's."""

TARGETS = [
    "builtins.open",
    "builtins.eval",
    "os.system",
    "subprocess.Popen",
    "torch.load",
    "torch.hub.load",
    "hydra.utils.call",
    "dropgrid.files.write_atomically",
    "dropgrid.data.cifar.pickle.loads",
    "dropgrid.data.cache.fingerprint",
    "dropgrid.data.folder.content",
    "dropgrid.models.blocks.torch.load",
    "dropgrid.regularizers.dropblock.drop_block2d",
    "dropgrid.regularizers.dropblock.DropBlock2d",
    "dropgrid.models.resnet.ResNet",
    "antigravity.fly",
    "..",
]
TEXTS = [
    "",
    " ",
    "null",
    "???",
    "nan",
    "true",
    "../../escape",
    str(ESCAPE),
    "~/escape",
    "a/b",
    "-1",
    "1e400",
    "0x10",
    "é\u202e💥",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "%s%n",
    f"$(touch {ESCAPE})",
    "`id`",
    "'; drop table",
    "\\x00",
    "x" * 300,
    "${oc.env:HOME}",
    "${oc.env:PATH,x}",
    "${hydra:runtime.cwd}",
    "${now:%Y}",
    "${seed}",
    "${name}",
    "${nothing.there}",
    "${",
    "\x1b]0;title\x07\x1b[2J",
    "\x9b31mred",
    "a\u202eb\u2066c",
    "a\u200bb\ufeff",
    "a\r\nb\u2028c",
    "=HYPERLINK(1)",
    "|`x`|[a](javascript:x)",
    "\u4e2d" * 120,
    "e\u0301",
    "CON",
    "a:b",
    "[1,2",
    "{a:1",
    "[[[[1]]]]",
    "{a:{b:{c:1}}}",
    "glob(*)",
    "range(0,3)",
    "range(0,100000000000)",
    "range(0,1,0)",
    "choice(1,2)",
    "choice()",
    "interval(0,1)",
    "sort(3,1)",
    "shuffle(1,2,3)",
    "int(x)",
    "cast(1)",
    "float(a,b)",
    "extend_list(1)",
    "1,2",
    "1,1",
    *TARGETS,
]
NUMBERS = [
    "0",
    "1",
    "2",
    "3",
    "-3",
    "0.5",
    "1.5",
    "-0.1",
    "1e-9",
    "1e9",
    "9999999999999999999999",
    "inf",
    "-inf",
    "10000",
]

values = st.sampled_from(TEXTS + NUMBERS) | st.integers().map(str) | st.floats().map(str) | st.text(max_size=12)

VALUES: list[Any] = [None, True, -1, 10**400, 0.5, float("nan"), float("inf"), "", [], {}, [[]], {"": {}}]
VALUES += [*TEXTS, *NUMBERS]
VALUES += ["\ud800", "\x00", {"\x1b[2J": "\x1b[2J"}, -(2**70), 1e308, "9" * 5000, [None], [[[[[]]]]], False]

BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(12)
)
YAMLS = [
    BOMB,
    "a: &a [*a]",
    "{" * 3000,
    "[" * 100_000,
    f"!!python/object/apply:os.system ['touch {ESCAPE}']",
    "!!python/name:os.system",
    "a: !!binary x",
    "a: 2026-13-45",
    "\x00",
    "\ufeffa: 1",
    "- 1",
    "text",
    "",
    "a: b: c",
    "? [1]\n: 2",
    "1: 2",
    "a: 1\na: 2",
    "%YAML 9.9\n---\n",
    "--- 1\n--- 2\n",
]


def changed(value, how):
    """A value of JSON in which something is another, missing, or more."""
    if isinstance(value, dict) and value and how.random() < 0.85:
        key = how.choice(list(value))
        kind = how.randrange(5)
        if kind == 0:
            return {k: v for k, v in value.items() if k != key}
        if kind == 1:
            return {**value, how.choice(["../x", "<b>", "\x00", "row", ""]): how.choice(VALUES)}
        return {**value, key: changed(value[key], how)}
    if isinstance(value, list) and value and how.random() < 0.85:
        at = how.randrange(len(value))
        return [*value[:at], changed(value[at], how), *value[at + 1 :]]
    return how.choice(VALUES)
