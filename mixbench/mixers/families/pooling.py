"""Pooling."""

from __future__ import annotations

from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import CAUSAL
from mixbench.parsing.option import Option

FAMILY = Family(
    "Pooling",
    (
        Mixer(
            name="mean-pooling",
            summary="the mean of all tokens, returned at every token",
            paper="control with the simplest token mixing",
            target="mixbench.mixers.mean_pooling:MeanPooling",
            options=(CAUSAL,),
            flops=lambda **_: 0,
            params=lambda **_: 0,
            state="d + 1",
        ),
        Mixer(
            name="summary-mixing",
            summary="GELU(W [f(x); mean of s(x) over the tokens])",
            paper="SummaryMixing, arXiv 2307.07421",
            target="mixbench.mixers.summary_mixing:SummaryMixing",
            options=(CAUSAL,),
            flops=lambda tokens, width, causal, **_: (6 * tokens + 2 * (tokens if causal else 1)) * width**2,
            params=lambda width, **_: 4 * width**2 + 3 * width,
            state="d + 1",
        ),
        Mixer(
            name="shared-vector",
            summary="HyperMixer ablation: two learned vectors, shared by all tokens, replace the hypernetworks",
            paper="HyperMixer, arXiv 2203.03691",
            target="mixbench.mixers.shared_vector:SharedVector",
            options=(Option("hidden", "size", "2*width", "hidden size d' of the MLP over tokens"),),
            flops=lambda width, hidden, **_: 2 * width * hidden,
            params=lambda width, hidden, **_: 2 * hidden + 2 * width,
            training_factor=2,
            free="hidden",
        ),
        Mixer(
            name="pool-former",
            summary="average pooling over neighbouring tokens, minus the token itself",
            paper="MetaFormer, arXiv 2111.11418",
            target="mixbench.mixers.pool_former:PoolFormer",
            options=(Option("window", "count", 3, "tokens in a pooling window; odd"),),
            flops=lambda **_: 0,
            params=lambda **_: 0,
            constraint=lambda window, **_: None if window % 2 else f"window {window} is even; it must be odd",
        ),
    ),
)
