"""ResMLP's token mixing (arXiv 2105.03404, equation 2)."""

from __future__ import annotations

from torch import Tensor, nn

from mixbench.mixers.parts import check_length, mix_tokens, zero_padding


class ResMLP(nn.Module):
    """W X + b over the tokens, the same for every channel; (batch, tokens, width) to the same shape.

    The paper's scales and shifts of channels belong to the block, as does the residual, and are left out. A shorter sequence
    uses the top left part of W, which is the same as padding it with zeros. `mask` (batch, tokens) is True where the token is
    real.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.mix = nn.Linear(tokens, tokens)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        tokens = x.shape[1]
        check_length(tokens, self.mix.in_features, "res-mlp")
        return mix_tokens(self.mix.weight[:tokens, :tokens], self.mix.bias[:tokens], zero_padding(x, mask))
