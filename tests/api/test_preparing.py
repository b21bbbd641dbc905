"""What a study says of its tasks before it trains."""

from __future__ import annotations

from recorder import Recorder

from mixbench.api.preparing import say_what_is_not_causal
from mixbench.mixers.choice import choose_mixers
from mixbench.tasks import choose_task


def test_mixers_that_see_later_tokens_are_named_where_the_task_is_meant_for_causal_ones() -> None:
    mixers = choose_mixers(["hypermixer", "fnet"])
    for text, named in (("mqar", 0), ("mqar:form=zoology", 1), ("listops", 0)):
        progress = Recorder()
        say_what_is_not_causal([choose_task(text)], mixers, progress)
        assert len(progress.remarks) == named
        assert all("these also see later tokens: hypermixer, fnet." in remark for remark in progress.remarks)
    for others in (
        [],
        choose_mixers(["attention", "min-gru"], causal=True),
        choose_mixers(["fnet"], causal=True, skip_unsupported=True),
    ):
        say_what_is_not_causal([choose_task("mqar:form=zoology")], others, progress)
        assert progress.remarks == []
