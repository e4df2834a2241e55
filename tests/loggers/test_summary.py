from dropgrid.loggers.summary import summarize_result

RESULT = {
    "metrics": {"test/acc_last": 0.9, "val/acc_last": None},
    "best_epoch": 3,
    "epochs": 5,
    "steps": 50,
    "parameters": 7,
    "treatment": {"sites": [{"site": "layer2.conv1", "expected": 0.1, "realised": 0.11}], "flagged": ["layer2.conv1"]},
}


def test_metrics_counts_and_what_was_dropped_at_each_site():
    assert summarize_result(RESULT) == {
        "test/acc_last": 0.9,
        "val/acc_last": None,
        **{"best_epoch": 3, "epochs": 5, "steps": 50, "parameters": 7},
        "expected/layer2.conv1": 0.1,
        "realised/layer2.conv1": 0.11,
        "flagged": 1,
    }
