"""The confusion matrix and the examples of a cell, against counts by hand."""

import numpy as np

from dropgrid.measure import prediction_figures as predictions
from dropgrid.plotting.style import png

CLASSES = ("cat", "dog", "owl")


def test_rows_of_the_matrix_are_shares_of_a_class():
    targets = np.array([0, 0, 0, 0, 1, 1])
    logits = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    drawn = predictions.draw_confusion(logits, targets, CLASSES)
    (axes,) = drawn.axes
    shares = np.asarray(axes.images[0].get_array())
    assert shares.tolist() == [[75, 25, 0], [0, 50, 50], [0, 0, 0]]
    assert sorted(text.get_text() for text in axes.texts) == ["25", "50", "50", "75"]
    assert "66.67 % of 6 test images right" in [text.get_text() for text in drawn.texts]


def test_of_many_classes_the_colours_alone_tell():
    targets = np.arange(30)
    drawn = predictions.draw_confusion(np.eye(30), targets, [str(each) for each in targets])
    assert not drawn.axes[0].texts and png(drawn, dpi=40)


def test_the_images_shown_are_the_first_and_those_whose_class_was_least_likely():
    targets = np.zeros(40, dtype=int)
    logits = np.zeros((40, 3))
    logits[:, 0] = np.arange(40)  # the surer, the later
    first, worst = predictions.choose_examples(logits, targets)
    assert first == list(range(16)) and worst == list(range(16))
    logits[30, 0] = -5
    assert predictions.choose_examples(logits, targets)[1][0] == 30


def test_an_example_tells_what_it_was_taken_for_and_what_it_is():
    targets = np.array([0, 1])
    logits = np.array([[5.0, 0, 0], [9.0, 0, 0]])
    images = {0: np.zeros((1, 4, 4), np.uint8), 1: np.full((3, 4, 4), 255, np.uint8)}
    drawn = predictions.draw_examples(logits, targets, CLASSES, images)
    texts = [text.get_text() for text in drawn.texts]
    assert "cat (99 %)" in texts and "cat (100 %)\nis dog" in texts
    assert len(drawn.axes) == 4 and png(drawn, dpi=40)
