"""The claims of a study: checked with the rest of its file, judged by the rows of its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mixbench.api.study_paths import placed
from mixbench.parsing.study_file import Fault, Given, StudyFile
from mixbench.tables.results import ResultsFolder
from mixbench.verdicts.claims.claim import Claim, Judged
from mixbench.verdicts.claims.judging import judge
from mixbench.verdicts.claims.rules import ClaimsError, claims_of


def study_claims(study: StudyFile, folder: str) -> tuple[list[Claim], list[Fault]]:
    """The claims of a file, and everything that is wrong with them; a claim without a rule is a fault of the file's form.

    Paths of mixers are relative to `folder`.
    """
    ruled = {name: options for name, options in study.claims.items() if "rule" in options}
    raw = {name: {key: placed(key, given.value, folder) for key, given in own.items()} for name, own in ruled.items()}
    try:
        return claims_of(raw), []
    except ClaimsError as error:
        return [], [
            Fault(
                line_of(own, fault.key),
                f"claim {fault.claim}: {fault.message}",
                fault.hint,
            )
            for fault in error.faults
            for own in [ruled[fault.claim]]
        ]


def line_of(claim: Mapping[str, Given], key: str) -> int:
    """The line of an option of a claim; of what it does not give, that of its table."""
    return claim[key].line if key in claim else min(given.line for given in claim.values()) - 1


def judged_claims(study: StudyFile, claims: Sequence[Claim], folder: ResultsFolder, place: str) -> list[Judged]:
    """What the rows of the folder say of each claim; paths of the file are relative to `place`. Raises StorageError."""
    return judge(claims, folder, baseline=baseline_of(study, place)) if claims else []


def baseline_of(study: StudyFile, place: str) -> str | None:
    """What claims without `against` compare with; paths of the file are relative to `place`."""
    given = study.shared.get("baseline")
    return None if given is None else str(placed("baseline", given.value, place))
