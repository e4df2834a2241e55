"""Text for LaTeX, and whether pdfLaTeX takes the table."""

import shutil
import string
import subprocess

import pytest

from dropgrid.reports.formats import latex
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

NASTY = "−1 ± 2 → 50% & a_b #1 ~x^2 $y$ {z} \\end [q] <i> | `b` \"c\" 'd' “e” "
NASTY += "– — … é Größe č α Ω Δ µ ≥ x² aₛ ½ ﬁ ▲ 中 🙂\u200b"


def test_letters_digits_and_most_signs_stand_for_themselves():
    same = string.ascii_letters + string.digits + " .,:;!?'()*+-/=@"
    assert latex.escape_latex(same) == " ".join(same.split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("−0.5 ± 1", r"$-$0.5 $\pm$ 1"),
        ("Größe", r"Gr\"{o}\ss{}e"),
        ("Λ λ µ", r"$\Lambda$ $\lambda$ $\mu$"),
        ("x² aₛ", "x$^{2}$ a$_{s}$"),
        ("a\u00a0b\n c", "a b c"),
        ("中", r"\texttt{U+4E2D}"),
        ("a\u200bb", "ab"),
    ],
)
def test_what_latex_lacks_is_made_from_what_it_has(text, shown):
    assert latex.escape_latex(text) == shown


def test_every_character_comes_out_in_ascii():
    everything = "".join(map(chr, [*range(32, 0x2FFF), *range(0x1F300, 0x1F600)]))
    assert latex.escape_latex(everything).isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex to compile the table with")
@pytest.mark.parametrize("notes", [0, 60], ids=["few notes", "many notes"])
def test_pdflatex_takes_a_table_of_nasty_names_and_long_notes(fake, tmp_path, notes):
    fake.about |= {"title": NASTY, "question": NASTY, "published": {}}
    rows = {"baseline": (["regularizer=none"], 0.0, []), NASTY: (["regularizer=dropout"], 0.4, ["head"])}
    rows |= {f"row_{index}": (["regularizer=dropout"], 0.2, ["head"]) for index in range(12)}
    for lr in ("0.05", "0.1"):
        fake.add(rows, seeds=2, factors={"optimizer.lr": lr})
    fake.about["published"] = {f"row_{index}": {"mean": 9.0, "note": NASTY * 8} for index in range(12)} if notes else {}
    fake.about["protocol"] = NASTY * notes
    (tmp_path / "table.tex").write_text(latex.render(tabulate(read(fake.write(), fake.outputs))))
    packages = "\\usepackage{booktabs,graphicx}"
    document = f"\\documentclass{{article}}{packages}\\begin{{document}}\\input{{table.tex}}\\end{{document}}"
    (tmp_path / "document.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout and "Float too large" not in done.stdout
    assert (tmp_path / "document.pdf").stat().st_size > 10_000
