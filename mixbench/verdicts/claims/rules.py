"""The table of rules: what each needs to know, and the function that decides a claim by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tables.columns import Row
from mixbench.tables.speed_rows import EXECUTIONS, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.verdicts.claims.answers import Answer
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.evidence import Evidence
from mixbench.verdicts.claims.faster import TIMED, faster
from mixbench.verdicts.claims.needs import fewer_examples
from mixbench.verdicts.claims.options import ClaimOption, typed
from mixbench.verdicts.claims.product import EXAMPLES, cheaper
from mixbench.verdicts.claims.runs import TRAINED
from mixbench.verdicts.claims.scores import better_score, on_par
from mixbench.verdicts.claims.sensitivity import MAPPED, more_needed_sensitivity
from mixbench.verdicts.claims.trials import SEARCHED, fewer_trials


@dataclass(frozen=True)
class Rule:
    """A way to decide a claim."""

    name: str
    text: str
    """How it decides, in a sentence."""
    options: tuple[ClaimOption, ...]
    decide: Callable[[Claim, Evidence], Answer]
    """Raises NoEvidenceError, StorageError."""
    reads: Mapping[type[Row], tuple[str, ...]]
    """The tables that it needs, with the options that choose their rows."""
    one_of: tuple[str, ...] = ()
    """Options of which exactly one must be given."""


_MIXERS = (
    ClaimOption("mixer", "mixer", "the mixer that the claim is about, as --mixer has it", required=True),
    ClaimOption("against", "mixers", "the mixers that it is compared with; by default the baseline"),
)
_RUNS = (
    ClaimOption("task", "text", "the task; by default every task, and the claim must hold for each"),
    ClaimOption("layers", "count", "blocks of the model"),
    ClaimOption("width", "count", "channels per token"),
    ClaimOption("tokens", "count", "longest sequence of the data"),
    ClaimOption("device", "text", "cpu or cuda"),
)
_TIMES = (
    ClaimOption("mode", "choice", "inference, training or decode; by default all", choices=("inference", "training", "decode")),
    ClaimOption("scope", "choice", "mixer, block or model; by default all", choices=("mixer", "block", "model")),
    ClaimOption("width", "count", "channels per token"),
    ClaimOption("batch", "count", "sequences per call"),
    ClaimOption("dtype", "text", "float32, bfloat16 or float16"),
    ClaimOption("device", "text", "cpu, cuda or cuda:INDEX"),
    ClaimOption("execution", "choice", "eager, graph or compiled", choices=EXECUTIONS),
    ClaimOption("threads", "count", "threads of the CPU"),
)
_NEEDS = (
    ClaimOption("target", "scores", "the score or scores to reach; by default the hardest that the other mixer reaches"),
    ClaimOption("below", "number", "what the ratio must be below", 1.0),
)
_SIZE = ClaimOption("size", "count", "training examples; by default the largest number at which all mixers have a score")

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "more-needed-sensitivity",
            "The interval of the paired difference of the share of long-range sensitivity on needed inputs lies above a margin,"
            " and that of the difference from an even map above 0.",
            (
                *_MIXERS,
                ClaimOption("margin", "margin", "what the difference must exceed, as a share: 0.05 or 5%", 0.0),
                ClaimOption("size", "count", "training examples"),
                *_RUNS,
            ),
            more_needed_sensitivity,
            {AttentionMapRow: MAPPED},
        ),
        Rule(
            "better-score",
            "The interval of the paired difference of test scores lies on the better side of 0 for each of the other mixers,"
            " and the mixer is clearly better than a constant answer.",
            (*_MIXERS, _SIZE, *_RUNS),
            better_score,
            {TrainingRow: (*TRAINED, "size")},
        ),
        Rule(
            "on-par",
            "The 95 % interval of the paired difference of test scores lies within a margin on both sides of 0, and both mixers"
            " are clearly better than a constant answer.",
            (
                *_MIXERS,
                ClaimOption(
                    "margin", "margin", "the largest difference that is still on par, in units of the score: 0.02 or 2%"
                ),
                ClaimOption("relative-margin", "margin", "the same, relative to the score of the other mixer: 0.05 or 5%"),
                _SIZE,
                *_RUNS,
            ),
            on_par,
            {TrainingRow: (*TRAINED, "size")},
            one_of=("margin", "relative-margin"),
        ),
        Rule(
            "faster",
            "The interval of the ratio of times, paired within launches, lies below 1 at every length from a given one on.",
            (
                *_MIXERS,
                ClaimOption("from-tokens", "count", "the smallest length that decides; by default only the largest decides"),
                ClaimOption("below", "number", "what the ratio must be below", 1.0),
                *_TIMES,
            ),
            faster,
            {SpeedRow: (*TIMED, "from-tokens")},
        ),
        Rule(
            "fewer-examples",
            "The interval of the ratio of the training examples needed to reach a score lies below 1.",
            (*_MIXERS, *_NEEDS, *_RUNS),
            fewer_examples,
            {TrainingRow: TRAINED},
        ),
        Rule(
            "fewer-trials",
            "The interval of the ratio of tuning trials after which a score is expected, by simultaneous bands, lies below 1.",
            (*_MIXERS, *_NEEDS, ClaimOption("size", "count", "training examples"), *_RUNS),
            fewer_trials,
            {TrialRow: SEARCHED},
        ),
        Rule(
            "cheaper",
            "The interval of the ratio of time per example × training examples × tuning trials lies below 1.",
            (
                *_MIXERS,
                *_NEEDS,
                ClaimOption(
                    "measure",
                    "choice",
                    "what an example costs: time, energy or flops",
                    "time",
                    choices=("time", "energy", "flops"),
                ),
                *_RUNS,
                *(option for option in _TIMES if option.name not in ("width", "device")),
            ),
            cheaper,
            {SpeedRow: EXAMPLES, TrainingRow: TRAINED, TrialRow: TRAINED},
        ),
    )
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a claim: at which key, `""` for the claim as a whole."""

    claim: str
    key: str
    message: str
    hint: str = ""


class ClaimsError(RequestError):
    """Claims that cannot be judged, with every fault."""

    def __init__(self, faults: list[Fault]) -> None:
        first, *others = faults
        more = f" ({len(others)} more faults)" if others else ""
        super().__init__(f"claim {first.claim}: {first.message}{more}", first.hint)
        self.faults = tuple(faults)


def claims_of(raw: Mapping[str, Mapping[str, Any]], *, installed: bool = True) -> list[Claim]:
    """The claims of a study file by name: `claim` is the text, `rule` one of `RULES`, the other keys are its options.

    Without `installed`, mixers need not be there: only their rows are judged. Raises ClaimsError with every fault.
    """
    found, faults = [], list[Fault]()
    for name, given in raw.items():
        claim, own = _claim(name, given, installed)
        faults += own
        found += [claim] if claim else []
    if faults:
        raise ClaimsError(faults)
    return found


def _claim(name: str, given: Mapping[str, Any], installed: bool) -> tuple[Claim | None, list[Fault]]:
    options = {key: value for key, value in given.items() if key not in ("claim", "rule")}
    faults = []
    text, rule = given.get("claim"), given.get("rule")
    if not isinstance(text, str) or not text.strip():
        faults.append(
            Fault(
                name,
                "claim" if "claim" in given else "",
                "claim is empty or not a text" if "claim" in given else "it does not say what is claimed",
                'Write claim = "…", with a sentence.',
            )
        )
    if not isinstance(rule, str) or rule not in RULES:
        error = UnknownNameError("rule", str(rule), RULES) if "rule" in given else RequestError("it has no rule", _KNOWN)
        return None, [*faults, Fault(name, "rule" if "rule" in given else "", str(error), error.hint)]
    entry = RULES[rule]
    values, wrong = typed(entry.options, options, f"rule {rule}", installed=installed)
    faults += [Fault(name, key if key in given else "", str(error), error.hint) for key, error in wrong]
    named = [key for key in entry.one_of if key in given]
    if entry.one_of and len(named) != 1:
        wanted = " or ".join(entry.one_of)
        message = f"rule {rule} needs {wanted}" if not named else f"rule {rule} needs either {wanted}, not both"
        faults.append(Fault(name, named[-1] if named else "", message))
    if values.get("mixer") is not None and values["mixer"] in (values.get("against") or ()):
        faults.append(Fault(name, "against", f"{values['mixer']} would be compared with itself"))
    return (None if faults else Claim(name, str(text).strip(), rule, values)), faults


_KNOWN = f"Rules: {', '.join(RULES)}."
