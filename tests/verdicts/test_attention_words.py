"""What a reader sees of the share on needed inputs is called so: the column `right_share` is for programs."""

from __future__ import annotations

import re
from pathlib import Path

from folders import fill_folder
from synthetic_maps import map_rows, write_maps

from mixbench.cli.text.attention_map import attention_table
from mixbench.plots.attention_map import map_figure
from mixbench.plots.style import texts_of
from mixbench.reports.sections import contents_of
from mixbench.tables.artefacts import read_map
from mixbench.tables.results import ResultsFolder
from mixbench.verdicts.attention_map import ON_NEEDED, summarise

RIGHT = re.compile(r"\bright\b(?! \d)")


def test_tables_figures_and_pages_say_on_needed_inputs(tmp_path: Path) -> None:
    rows = map_rows({"attention": 0.6, "none": None, "fnet": 0.2}, drawn=(0,), seeds=(0, 1))
    fill_folder(tmp_path, rows)
    write_maps(rows, tmp_path)
    (task,) = summarise(rows)
    maps = {line.label: {example: read_map(tmp_path / file) for example, file in line.drawn.items()} for line in task.lines}
    figure = "\n".join(text.get_text() for text in texts_of(map_figure(task, maps)))
    printed = attention_table([task], 80, terminal=False).plain
    (section,) = contents_of(ResultsFolder(tmp_path)).sections
    headings = [heading for table in section.tables for heading in table.headings]
    charts = [text for chart in section.charts for text in (chart.title, chart.caption, str(chart.layout))]
    page = "\n".join([*section.answers, *section.notes, *headings, *charts])
    for text in (figure, printed, page):
        assert ON_NEEDED in text
        assert not RIGHT.search(text.replace("to the right", "").replace("'right'", ""))
