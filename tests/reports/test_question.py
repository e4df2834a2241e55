"""Questions: found by folder, asked by the name of their file, and imported only if they are asked."""

import subprocess
import sys
from collections import Counter

import pytest

from dropgrid.errors import UserError
from dropgrid.reports import question
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read


def test_each_computes_and_has_a_place_and_a_key_of_its_own():
    modules = [question.load_question(name) for name in question.question_names()]
    assert len(modules) >= 6 and all(callable(module.compute) for module in modules)
    assert set(Counter(module.ORDER for module in modules).values()) == {1}
    assert all(hasattr(module, "figure") == hasattr(module, "CAPTION") for module in modules)


def test_what_is_not_asked_has_no_section_and_an_empty_answer(fake):
    table = tabulate(read(fake.add(["baseline", "dropout"], seeds=2).write(), fake.outputs))
    assert question.question_sections(table) == [] and question.question_notes(table) == []
    assert set(map(str, question.answers_as_json(table).values())) == {"[]"}


def test_an_answer_is_computed_once(fake):
    table = tabulate(read(fake.add(["baseline"], seeds=1).write(), fake.outputs))
    calls = []
    for _ in range(3):
        table.answer(calls.append)
    assert calls == [table]


def test_an_ablation_is_refused_by_the_question_that_it_asks_wrongly():
    with pytest.raises(UserError, match=r"ablation\.target is an accuracy"):
        question.check_questions({"target": 101, "title": "of another kind"}, {})
    question.check_questions({"target": None, "contrasts": {}}, {})


def test_planning_imports_only_the_questions_that_are_asked():
    code = (
        "import sys; from dropgrid.planning.rows import check_questions; check_questions({'title': 'x'}, {});"
        "assert not any(name.startswith('dropgrid.reports.questions.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
