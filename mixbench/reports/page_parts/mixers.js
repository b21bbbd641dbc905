// One list of mixers for the whole page: what is hidden is hidden in every figure.
const hidden = new Set();
const watchers = [];
const chips = [...document.querySelectorAll(".chip")];
const known = chips.map((chip) => chip.dataset.mixer);
const status = document.querySelector(".hidden-mixers span");
const hint = status?.textContent;
const showAll = document.getElementById("show-all");

function changed() {
  for (const chip of chips) chip.setAttribute("aria-pressed", String(!hidden.has(chip.dataset.mixer)));
  if (status) {
    const names = known.filter((name) => hidden.has(name));
    const told = names.length > 3 ? `${names.length} mixers are` : `${names.join(", ")} ${names.length > 1 ? "are" : "is"}`;
    status.textContent = names.length ? `${told} hidden in every figure: click again to see ${names.length > 1 ? "them" : "it"}.` : hint;
    showAll.hidden = !names.length;
  }
  for (const watcher of watchers) watcher();
}

function toggle(mixer) {
  if (!hidden.delete(mixer)) hidden.add(mixer);
  changed();
}

// the mixer alone; all of them if it is alone already
function alone(mixer) {
  const others = known.filter((name) => name !== mixer);
  const already = !hidden.has(mixer) && others.every((name) => hidden.has(name));
  hidden.clear();
  if (!already) for (const name of others) hidden.add(name);
  changed();
}

function paintChips() {
  for (const chip of chips) {
    chip.style.setProperty("--colour", isDark() ? onDark(chip.dataset.colour) : chip.dataset.colour);
  }
}

function offerMixers() {
  for (const chip of chips) {
    chip.addEventListener("click", () => toggle(chip.dataset.mixer));
    chip.addEventListener("dblclick", () => alone(chip.dataset.mixer));
  }
  showAll?.addEventListener("click", () => {
    hidden.clear();
    changed();
    chips[0].focus();
  });
  paintChips();
}
