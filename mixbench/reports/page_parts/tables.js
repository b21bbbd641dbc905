// A click on a heading sorts: ascending, descending, as it was. Cells without a number come last in either direction.
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
const collator = new Intl.Collator(undefined, { numeric: true });

function keyOf(row, place, numeric) {
  const cell = row.cells[place];
  if (!cell) return null;
  if (!numeric) return cell.textContent.trim();
  return "value" in cell.dataset ? Number(cell.dataset.value) : null;
}

function sortBy(table, place, order, original) {
  const numeric = table.tHead.rows[0].cells[place].classList.contains("number");
  const rows = original.map((row) => [keyOf(row, place, numeric), row]);
  if (order !== "none") {
    const sign = order === "ascending" ? 1 : -1;
    rows.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return sign * (numeric ? one - other : collator.compare(one, other));
    });
  }
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function offerSorting() {
  for (const table of document.querySelectorAll("table.sortable")) {
    const original = [...table.tBodies[0].rows];
    const headings = [...table.tHead.rows[0].cells];
    if (original.length < 2) continue;
    headings.forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const order = NEXT[heading.getAttribute("aria-sort")];
        for (const each of headings) each.setAttribute("aria-sort", "none");
        heading.setAttribute("aria-sort", order);
        sortBy(table, place, order, original);
      });
    });
  }
}
