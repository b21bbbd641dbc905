"""What the command `study` does: print the file or its plan, or carry out its parts or a shard of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from mixbench.api.study_options import StudyOptions
from mixbench.cli.adapter import Printed, followed, present, timed
from mixbench.cli.outcomes import OUTCOMES
from mixbench.cli.terminal import print_json, print_text, remark, report_error, warn
from mixbench.errors import FolderBusyError, MixbenchError
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from mixbench.api.study_parts import PlannedPart
    from mixbench.api.study_run import PartOutcome, PreparedStudy


def print_source(options: StudyOptions) -> None:
    """Print the text of a study, as it is."""
    from mixbench.api.study_source import read_source

    typer.echo(read_source(options.file).text, nl=False)


def carry_out_study(options: StudyOptions, printed: Printed) -> None:
    """Print the plan of a study, or carry it out, or a shard of it. Ends with exit code 1 if a cell failed."""
    from mixbench.api.study_run import prepare_study

    if options.plan:
        _print_plan(followed(prepare_study, options), printed)
    elif options.shard is not None:
        _carry_out_shard(options, printed)
    else:
        _carry_out(followed(prepare_study, options), printed)


def _print_plan(prepared: PreparedStudy, printed: Printed) -> None:
    from mixbench.api.study import planned_as_json, study_forecast
    from mixbench.cli.text.plan import plan_remarks
    from mixbench.cli.text.study import plan_of_study

    expected = study_forecast(prepared)
    present(
        printed,
        lambda: planned_as_json(prepared, expected),
        lambda width, terminal: plan_of_study(prepared.study, prepared.parts, expected, width if terminal else None),
    )
    for text in prepared.warnings:
        warn(text)
    for text in plan_remarks(expected) if expected else ():
        remark(text)


def _carry_out_shard(options: StudyOptions, printed: Printed) -> None:
    from mixbench.api.scale import Part, carry_out
    from mixbench.api.study_run import prepare_study
    from mixbench.cli.text.study import shard_line
    from mixbench.verdicts.claims.answers import listed

    def whole(given: StudyOptions) -> tuple[PreparedStudy, Part[Any] | None]:
        prepared = prepare_study(given)
        return prepared, carry_out(prepared.work, given) if prepared.work else None

    prepared, part = followed(whole, options)
    if part is None:
        remark("There is nothing to divide into shards: the parts of this study only read existing results.")
        return
    present(printed, part.as_json, lambda width, terminal: shard_line(part))
    if part.failed:
        remark(f"{counted(part.failed, 'cell')} failed; measure again with --retry-failed.")
    remark(f"When all shards are done: {part.merge}")
    remark(f"Then, for {listed(['the tables', *prepared.after_shards])}: {prepared.command}")
    if part.failed:
        raise typer.Exit(1)


def _carry_out(prepared: PreparedStudy, printed: Printed) -> None:
    from mixbench.api.study import outcomes_as_json
    from mixbench.api.study_run import carry_out_parts
    from mixbench.cli.text.claims import claims_text
    from mixbench.cli.text.study import study_title

    for text in prepared.warnings:
        warn(text)
    if not printed.as_json:
        print_text(lambda width, terminal: study_title(prepared.study, prepared.parts, width if terminal else None))
    outcomes = carry_out_parts(prepared, partial(_run_part, prepared, printed), remark)
    judged = prepared.judged()
    if printed.as_json:
        print_json(outcomes_as_json(prepared, outcomes, judged))
    elif judged:
        typer.echo()
        print_text(lambda width, terminal: claims_text(judged, width, terminal))
    _conclude(prepared, outcomes)


def _run_part(prepared: PreparedStudy, printed: Printed, part: PlannedPart) -> Any:
    """Carry out a part and print what its command prints; a fault is printed, too, and raised."""
    from mixbench.cli.text.study import part_heading

    def run(options: Any) -> Any:
        return part.run(replace(options, progress=prepared.once(options.progress)))

    parts = prepared.parts
    place = parts.index(part)
    if not printed.as_json:
        typer.echo()
        print_text(lambda width, terminal: part_heading(place, parts, width if terminal else None))
    try:
        outcome, spent = (part.run(part.options), "") if part.command == "cost" else timed(run, part.options)
    except FolderBusyError:  # it ends the study, and is told there
        raise
    except MixbenchError as error:
        report_error(error)
        raise
    if not printed.as_json:
        shown = OUTCOMES[part.command]
        warning = shown.show(outcome, Printed())
        if spent:
            remark(spent)
        if warning:
            warn(warning)
        if failed := getattr(outcome, "failed", 0):
            remark(f"{counted(failed, shown.unit)} failed; measure again with --retry-failed.")
    return outcome


def _conclude(prepared: PreparedStudy, outcomes: Sequence[PartOutcome]) -> None:
    """Say what failed and what comes next; end with exit code 1 if a cell failed, or with that of the first error."""
    from mixbench.api.command_line import as_argument

    results = prepared.options.results
    remark(f"\nEverything measured is in {results}.")
    broken = [outcome for outcome in outcomes if outcome.error]
    for outcome in broken:
        remark(f"Not carried out: {outcome.part.command_line}")
    remark(f"Next: {' '.join(filter(None, ('mixbench report', as_argument(results))))}")
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        told = ", ".join(f"{counted(each.failed, OUTCOMES[each.part.command].unit)} of {each.part.command}" for each in failed)
        remark(f"Failed: {told}; measure again with --retry-failed.")
    if failed or broken:
        raise typer.Exit(1 if failed else max(outcome.error.exit_code for outcome in broken if outcome.error))
