from __future__ import annotations

import re
import traceback

import pytest

from mixbench import errors
from mixbench.errors import FolderBusyError, MixbenchError, RequestError, StorageError, UnknownNameError, WorkerError


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = re.findall(r"^([│├└─ ]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    margin = len(drawn[0][0])
    own = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    classes = {name: value for name, value in own.items() if issubclass(value, MixbenchError)}
    depths = {name: len(value.__mro__) - len(MixbenchError.__mro__) for name, value in classes.items()}
    assert {name: (len(lead) - margin) // 4 for lead, name in drawn} == depths


def test_the_exit_codes_in_the_docstring_are_those_of_the_classes() -> None:
    documented = dict(re.findall(r"(\w+Error) .*exit code (\d)", errors.__doc__ or ""))
    assert len(documented) == 3
    assert {name: str(vars(errors)[name].exit_code) for name in documented} == documented


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MixbenchError("m"), 1),
        (RequestError("m"), 2),
        (UnknownNameError("mixer", "m", []), 2),
        (FolderBusyError("m"), 2),
        (StorageError("m"), 1),
        (WorkerError("m"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_wrong_request_exits_with_2_and_a_failure_with_1(error: MixbenchError, code: int) -> None:
    assert error.exit_code == code


def test_message_and_hint_are_kept_apart() -> None:
    error = StorageError("results/speed.csv, line 3: torn", "Delete that line.")
    assert str(error) == "results/speed.csv, line 3: torn"
    assert error.hint == "Delete that line."
    assert MixbenchError("only what went wrong").hint == ""


def test_an_unknown_name_comes_with_the_nearest_and_all_that_are_known() -> None:
    error = UnknownNameError("mixer", "atention", ["hypermixer", "attention"])
    assert str(error) == "unknown mixer 'atention'"
    assert error.hint == "Did you mean 'attention'? Known: attention, hypermixer."


def test_a_name_that_is_near_to_none_only_gets_the_list() -> None:
    error = UnknownNameError("option", "xyz", ["heads"], "of attention")
    assert str(error) == "unknown option 'xyz' of attention"
    assert error.hint == "Known: heads."


def test_where_nothing_is_known_the_hint_says_so() -> None:
    assert UnknownNameError("option", "heads", [], "of fnet").hint == "There is no option of fnet."


def test_a_traceback_shows_the_hint() -> None:
    error = UnknownNameError("mixer", "atention", ["attention"])
    assert "Did you mean 'attention'?" in "".join(traceback.format_exception(error))


def test_whatever_a_message_quotes_it_stays_readable() -> None:
    for error in (UnknownNameError("mixer", "m" * 10**6, ["m" * 10**6 + "n", "none"]), RequestError("x" * 10**6, "y" * 10**6)):
        assert len(str(error)) < 1600
        assert len(error.hint) < 5100
