"""The claims of a study: checked with the rest of its file, judged by the rows of its folder."""

from __future__ import annotations

from collections.abc import Sequence

from mixbench.parsing.study_file import Fault, StudyFile
from mixbench.tables.results import ResultsFolder
from mixbench.verdicts.claims.claim import Claim, Judged
from mixbench.verdicts.claims.judging import judge
from mixbench.verdicts.claims.rules import ClaimsError, claims_of


def study_claims(study: StudyFile) -> tuple[list[Claim], list[Fault]]:
    """The claims of a file, and everything that is wrong with them; a claim without a rule is a fault of the file's form."""
    ruled = {name: options for name, options in study.claims.items() if "rule" in options}
    try:
        return claims_of({name: {key: given.value for key, given in own.items()} for name, own in ruled.items()}), []
    except ClaimsError as error:
        return [], [
            Fault(
                own[fault.key].line if fault.key in own else min(given.line for given in own.values()) - 1,
                f"claim {fault.claim}: {fault.message}",
                fault.hint,
            )
            for fault in error.faults
            for own in [ruled[fault.claim]]
        ]


def judged_claims(study: StudyFile, claims: Sequence[Claim], folder: ResultsFolder) -> list[Judged]:
    """What the rows of the folder say of each claim. Raises StorageError."""
    baseline = study.shared.get("baseline")
    return judge(claims, folder, baseline=None if baseline is None else str(baseline.value)) if claims else []
