"""Sizes of figures as users type them: a name such as `column`, or inches as in `3.5x2.4`."""

from __future__ import annotations

import re

from mixbench.errors import RequestError, shortened

SIZES: dict[str, tuple[float, float | None]] = {"column": (3.3, None), "page": (6.9, None), "slide": (13.3, 7.5)}
"""Width and height in inches by name; a height of None follows from what is drawn."""
LEAST, MOST = 2.0, 60.0
"""Inches of a side: what text of 7 pt needs, and what any program opens."""


def parse_figure_size(text: str) -> tuple[float, float | None]:
    """Width and height in inches; the height is None where it follows from what is drawn. Raises RequestError."""
    if text.strip() in SIZES:
        return SIZES[text.strip()]
    sides = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*[x×]\s*(\d{1,9}(?:\.\d{1,9})?)\s*", text)
    if sides is None:
        raise RequestError(
            f"--size {shortened(text)!r} is not a figure size", f"Give {', '.join(SIZES)}, or inches as in 3.5x2.4."
        )
    width, height = map(float, sides.groups())
    if not all(LEAST <= side <= MOST for side in (width, height)):
        raise RequestError(
            f"--size {text.strip()} is {'too small' if min(width, height) < LEAST else 'too large'}: "
            f"a side of a figure has {LEAST:g} to {MOST:g} inches",
            f"Give {', '.join(SIZES)}, or inches as in 3.5x2.4.",
        )
    return width, height
