"""Options of `mixbench verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from typer import Argument, Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Typed


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(shared.Followed):
    """Check that mixers keep their contract: shape, padding, causality, decoding, counts and more. Exit code 1 when one fails.

    Built-in mixers must also equal their slow references; without a name, all of
    them are checked, side by side on the CPU: half a minute on 2 cores. One or two
    mixers are shown check by check, more in a table. On a GPU, also see what bounds
    each mixer, and whether torch.compile makes it faster.
    """

    example_commands: ClassVar = (
        "mixbench verify",
        "mixbench verify hypermixer:heads=4 --tokens 33 --width 64",
        "mixbench verify --device cuda",
    )

    mixers: Annotated[
        shared.MixerLike | Sequence[shared.MixerLike] | None,
        Typed(list[str] | None),
        Argument(help="Mixers to check. Default: all built-in ones."),
    ] = field(default=None, kw_only=False)
    mixer: shared.Mixers = None
    tokens: Annotated[int, Option(help="Sequence length to check at.", min=1)] = 17
    width: Annotated[int, Option(help="Width to check at.", min=1)] = 32
    device: Annotated[str | None, Option(help="cpu, cuda or cuda:1. Default: the CPU and, where there is one, a GPU.")] = None
    speed: Annotated[
        bool | None,
        Option(
            "--speed/--no-speed",
            help="Also time each mixer at one shape: its shares of the best rates and, where it is far from them, whether"
            " torch.compile makes it faster. Default: on a GPU.",
        ),
    ] = None
    timeout: Annotated[float, Option(help="Give up on a mixer after this many seconds.")] = 300.0
