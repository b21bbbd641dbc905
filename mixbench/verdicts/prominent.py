"""Which of many mixers stand out, in figures and in words: the baseline, the best few, the user's own, and those named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mixbench.mixers import CONTROLS, MIXERS
from mixbench.verdicts.labels import MixerKey, find_mixers, mixer_labels

MANY = 10
"""Up to this many mixers, all stand out."""
BEST = 5
"""As many of more mixers are the best."""


def prominent(
    mixers: Iterable[MixerKey], ranked: Sequence[str], baseline: str | None = None, named: Iterable[str] = ()
) -> set[str]:
    """The labels of the mixers that stand out; `ranked` are labels, the best first, and `named` are as for `find_mixers`.

    Controls, which mix nothing and cost nothing, are not among the best. Of more than MANY of the user's own, the best few
    stand out.
    """
    labels = mixer_labels(mixers)
    if len(labels) <= MANY:
        return set(labels.values())
    controls = {label for (name, _), label in labels.items() if name in CONTROLS}
    best = [label for label in ranked if label not in controls and label != baseline][:BEST]
    own = [label for (name, _), label in labels.items() if name not in MIXERS]
    if len(own) > MANY:
        own = [label for label in ranked if label in own][:BEST]
    asked = [labels[mixer] for name in named for mixer in find_mixers(name, labels)]
    return {*best, *own, *asked, *([baseline] if baseline else [])}
