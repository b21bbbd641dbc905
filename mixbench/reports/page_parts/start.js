// Light or dark as the system says, until the switch is used.
function offerTheme() {
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  const restyle = () => {
    show();
    paintChips();
    redrawAll();
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    restyle();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  show();
}

document.documentElement.classList.add("scripts");
document.getElementById("print").addEventListener("click", () => print());
offerTheme();
offerMixers();
offerSorting();
offerDownloads();
if ("DecompressionStream" in window) offerCharts();
