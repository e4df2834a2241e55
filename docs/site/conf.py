"""The site: `make site`. Sources are the Markdown files as they stand, and those that docs/methods.py writes; the
repository is the source folder, so that their links to results, YAMLs and sources resolve as on a code host (a file
that is no page is offered for download).
"""

import posixpath
import re
from pathlib import Path

from sphinx.util import logging

ROOT = Path(__file__).parents[2]

project = "dropgrid"
author = copyright = "The dropgrid authors"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**.md"]
exclude_patterns = [".*", "build", "outputs", "src", "tests", "conf"]
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4
highlight_language = "bash"
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "dropgrid"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"index": "front.html"}

BUILT = """
```{toctree}
:hidden:
:caption: Methods and ablations

Gallery of ablations </docs/ablations/README>
Methods and settings </docs/methods/README>
```
"""
"""What docs/methods.py writes: in the navigation alone, since no committed page links to it."""

ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#\s]+)\.md\)", re.MULTILINE)


def entries(text: str, folder: str) -> str:
    """What the lines of a list lead to, as a toctree's lines."""
    found = [
        (title.replace("`", ""), posixpath.normpath(posixpath.join(folder, to))) for title, to in ENTRY.findall(text)
    ]
    return "\n".join(f"{title} </{path}>" for title, path in found)


def toctree(text: str, folder: str, caption: str = "") -> str:
    """A toctree that shows in the navigation alone."""
    named = f":caption: {caption}\n" if caption else ""
    found = entries(text, folder)
    return f"\n```{{toctree}}\n:hidden:\n{named}\n{found}\n```\n" if found else ""


def navigate(app, docname: str, source: list[str]) -> None:
    """Append the navigation: to the front page the sections of docs/README.md and what is built, to other README.md
    their own lists."""
    folder = posixpath.dirname(docname)
    if docname == root_doc:
        app.env.note_dependency(str(ROOT / "docs/README.md"))
        _, *sections = re.split(r"^## ", (ROOT / "docs/README.md").read_text(), flags=re.MULTILINE)
        source[0] += "\n```{toctree}\n:hidden:\n\nContents <docs/README>\n```\n"
        for section in sections:
            heading, _, rest = section.partition("\n")
            source[0] += toctree(rest, "docs", heading)
        source[0] += BUILT
        source[0] += "\n```{toctree}\n:hidden:\n:caption: The project\n\nCONTRIBUTING\nCHANGELOG\n```\n"
    elif posixpath.basename(docname) == "README" and docname != "docs/README":
        source[0] += toctree(source[0], folder)


MARKED = re.compile(r"^<!-- results/(\S+).*? -->\n(.*?)<!-- end -->", re.DOTALL | re.MULTILINE)
"""What publish.py fills in a page."""

INTERVAL = re.compile(r"\[[-+−]?\d+\.\d+, [-+−]?\d+\.\d+\]")

SUMMARY = "benchmarks/summary"
"""A marker that no file has the name of: benchmarks/publish.py makes it of several."""


def typed_numbers(text: str) -> list[str]:
    """Return what is wrong with a page's numbers: markers without a result, intervals outside markers."""
    found = []
    for name, body in MARKED.findall(text):
        there = (ROOT / "results" / name).exists() or (ROOT / "results" / f"{name}.json").exists() or name == SUMMARY
        if not there or not body.strip():
            found.append(f"<!-- results/{name} --> has no result: publish it, or take the marker out")
    rest = MARKED.sub("", text)
    found += [f"<!-- results/{name} has no end" for name in re.findall(r"^<!-- results/(\S+)", rest, re.MULTILINE)]
    return found + [f"{each} is typed: put it between markers of a result" for each in INTERVAL.findall(rest)]


def check_numbers(app, docname: str, source: list[str]) -> None:
    """Warn, which fails the build, of numbers that come from no result; built pages hold ranges of settings."""
    for each in [] if docname.startswith(("docs/methods/", "docs/ablations/")) else typed_numbers(source[0]):
        logging.getLogger(__name__).warning("%s: %s", docname, each)


def setup(app) -> None:
    """Sphinx calls this."""
    app.connect("source-read", check_numbers)
    app.connect("source-read", navigate)
