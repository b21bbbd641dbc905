from __future__ import annotations

from dataclasses import replace

import pytest
from run_fake_speed import fake_request

from mixbench.errors import RequestError
from mixbench.studies.plan_size import MOST, check_plan_size


def test_a_plan_of_the_largest_size_is_made() -> None:
    check_plan_size(mixers=2, shapes=MOST // 2)


def test_a_plan_that_is_too_large_is_refused_with_its_factors() -> None:
    with pytest.raises(RequestError, match=r"^3 mixers × 1,000,000 shapes make 3,000,000 measurements; at most"):
        check_plan_size(mixers=3, shapes=10**6, launches=1)


def test_a_request_for_speed_of_too_many_shapes_is_refused_before_it_is_planned() -> None:
    sizes = tuple(range(1, 100))
    with pytest.raises(RequestError, match=r"2 mixers × 970,299 shapes × 2 kinds × 2 launches make 7,762,392 measurements"):
        replace(fake_request(), tokens=sizes, width=sizes, batch=sizes)
