from __future__ import annotations

from mixbench.tables.remarks import SEPARATOR, alone, bound_in, lower_bound, notes_in, remark, special_in, unknown, unknown_in


def test_a_remark_is_found_among_others_by_its_metric() -> None:
    bound, missing = lower_bound("flops", ["foo", "mine::bar"]), unknown("train_flops", "on meta: it died; on cpu: too")
    detail = SEPARATOR.join(("energy_j: no meter", bound, missing))
    assert bound == "flops is a lower bound: it leaves out foo, mine::bar"
    assert bound_in(detail, "flops") == bound
    assert unknown_in(detail, "train_flops") == "train_flops is unknown: on meta: it died, on cpu: too"
    for metric in ("train_flops", "params", "latency_ms"):
        assert bound_in(detail, metric) == ""
    assert unknown_in(detail, "flops") == ""


def test_a_row_without_a_remark_has_none() -> None:
    assert (bound_in("", "flops"), unknown_in("", "flops")) == ("", "")


def test_a_remark_stays_one_whatever_its_text_says() -> None:
    planted = "tokens must be even; got 7"
    remarks = [remark("flops", planted), alone(planted), unknown("train_flops", planted)]
    detail = SEPARATOR.join(remarks)
    assert detail.split(SEPARATOR) == remarks
    assert notes_in(detail, "flops") == ["flops: tokens must be even, got 7"]
    assert special_in(detail) == ["measured alone, because tokens must be even, got 7"]
