"""The claims of a study: checked with the rest of its file, judged by the rows of its folder."""

from __future__ import annotations

from collections.abc import Sequence

from mixbench.api.study_paths import placed
from mixbench.parsing.study_file import Fault, StudyFile
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
                own[fault.key].line if fault.key in own else min(given.line for given in own.values()) - 1,
                f"claim {fault.claim}: {fault.message}",
                fault.hint,
            )
            for fault in error.faults
            for own in [ruled[fault.claim]]
        ]


def judged_claims(study: StudyFile, claims: Sequence[Claim], folder: ResultsFolder, place: str) -> list[Judged]:
    """What the rows of the folder say of each claim; paths of the file are relative to `place`. Raises StorageError."""
    given = study.shared.get("baseline")
    baseline = None if given is None else str(placed("baseline", given.value, place))
    return judge(claims, folder, baseline=baseline) if claims else []
