from mixbench.tables.scores import ERRORS, SCORES, scores_in_words


def test_a_score_is_an_error_or_grows_and_has_limits_where_it_is_a_share() -> None:
    assert ERRORS == ("mse", "error")
    assert {name: score.limits for name, score in SCORES.items() if score.limits} == {"accuracy": (0, 1), "macro-f1": (0, 1)}
    assert [score.constant for score in SCORES.values()] == ["majority class", "majority class", "best constant", "", ""]


def test_the_meaning_of_a_score_says_its_direction() -> None:
    text = scores_in_words()
    assert "mse (mean squared error; lower is better)" in text
    assert "macro-f1 (mean over classes of F1" in text
    assert "error (" not in text.replace("squared error", "")
