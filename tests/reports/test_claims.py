import pytest

from dropgrid.errors import UserError
from dropgrid.reports.claims import Claim, parse_claims
from dropgrid.store.manifest import digest

ROWS = ["baseline", "dropblock keep_prob=0.9", "drop_path"]


def test_a_claim_is_two_rows_a_side_and_a_bound():
    assert parse_claims(["dropblock keep_prob=0.9 - baseline > 0.5", "drop_path - baseline < -1"], ROWS) == [
        Claim("dropblock keep_prob=0.9 - baseline > 0.5", (("dropblock keep_prob=0.9", 1), ("baseline", -1)), ">", 0.5),
        Claim("drop_path - baseline < -1", (("drop_path", 1), ("baseline", -1)), "<", -1.0),
    ]


def test_a_claim_may_be_about_a_combination_of_rows():
    (claim,) = parse_claims(["(drop_path - baseline) - (dropblock keep_prob=0.9 - drop_path) < -0.5"], ROWS)
    assert claim.weights == (("drop_path", 2), ("baseline", -1), ("dropblock keep_prob=0.9", -1))
    assert (claim.pair, claim.sign, claim.bound) == (None, "<", -0.5)


def test_a_plain_difference_is_a_pair_however_it_is_written():
    texts = ["drop_path - baseline > 0", "-baseline + drop_path > 0", "(drop_path) - (baseline) > 0"]
    assert [claim.pair for claim in parse_claims(texts, ROWS)] == [("drop_path", "baseline")] * 3
    # two names joined by a sign were a pair before there were formulas
    assert parse_claims(["a - b > 0"], ["a", "b", "a - b"])[0].pair == ("a", "b")


def test_a_claim_may_name_a_metric_of_an_evaluation_or_of_the_result():
    texts = ["drop_path - baseline > -0.5 in noise/gaussian_noise_0.2", "drop_path - baseline < 0 in train/acc"]
    assert [claim.metric for claim in parse_claims(texts, ROWS, ["noise"])] == ["noise/gaussian_noise_0.2", "train/acc"]
    spread = "drop_path - baseline > 0 in deviation[epoch=1]/val/acc"
    assert parse_claims([spread], ROWS, [])[0].metric == "deviation[epoch=1]/val/acc"
    with pytest.raises(UserError, match="is of no evaluation"):
        parse_claims(["drop_path - baseline > 0 in deviation/val/acc"], ROWS, [])
    labelled = ["drop_path - baseline > 0 in noise[seed=1]/gaussian_noise_0.2"]
    assert parse_claims(labelled, ROWS, ["noise"])[0].metric == "noise[seed=1]/gaussian_noise_0.2"
    with pytest.raises(UserError, match="noise/.* is of no evaluation; evaluations are: cam"):
        parse_claims(texts, ROWS, ["cam"])


def test_a_difference_of_metrics_may_be_claimed_of_one_row():
    texts = ["drop_path > -0.5 in mc/acc_64 - mc/acc", "drop_path - baseline > 0 in mc/acc_64 - test/acc_last"]
    one, two = parse_claims(texts, ROWS, ["mc"])
    assert one.weights == (("drop_path", 1),) and one.pair is None and one.metric == "mc/acc_64 - mc/acc"
    assert two.pair == ("drop_path", "baseline") and two.metric == "mc/acc_64 - test/acc_last"
    with pytest.raises(UserError, match="other/acc is of no evaluation"):
        parse_claims(["drop_path > 0 in mc/acc_64 - other/acc"], ROWS, ["mc"])
    with pytest.raises(UserError, match="its weights sum to 1"):
        parse_claims(["drop_path > 0 in mc/acc_64"], ROWS, ["mc"])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["dropblock is best"], "not of the form"),
        (["drop_path - baseline > much"], "not of the form"),
        (["cutout - baseline > 0"], "'cutout' is no row; rows: baseline"),
        (["(drop_path - cutout) - baseline > 0"], "'cutout' is no row; rows: baseline"),
        (["drop_path > 0"], "its weights sum to 1"),
        ("drop_path - baseline > 0", "is a list such as"),
    ],
)
def test_what_is_no_claim_is_refused(texts, message):
    with pytest.raises(UserError, match=message):
        parse_claims(texts, ROWS)


def test_the_digest_is_of_texts_and_order():
    assert digest(["a", "b"]) == digest(("a", "b")) != digest(["b", "a"]) != digest(["ba"])
