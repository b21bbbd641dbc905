// A figure is drawn when it comes near the view; until then, and where that fails, its static form stays.
const drawn = new Set();
const near = new Set();
const stale = new Set();
let queue = Promise.resolve();
// plotly has buttons that send a figure elsewhere: these alone
const BUTTONS = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
const CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", modeBarButtons: BUTTONS };
const MARGIN = { l: 60, r: 20, t: 34, b: 52 };
const LEAST_PANEL = 260;
const ROOM_FOR_TITLES = 480;
const ROOM_FOR_LEGEND = 640;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";

function axesOf(layout) {
  return Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
}

// panels side by side need room, so that a narrow page scrolls the figure
function leastWidth(layout) {
  const starts = axesOf(layout).filter((name) => name[0] === "x").map((name) => layout[name].domain?.[0] ?? 0);
  return Math.min(LEAST_PANEL * Math.max(1, new Set(starts.map((start) => start.toFixed(2))).size) + 60, 1000);
}

// a colour of the style sheet as it is now, in a form that plotly takes
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function layoutFor(layout, width) {
  const ink = colour("ink");
  const rule = colour("rule");
  const own = isDark() ? recoloured(layout, "") : structuredClone(layout);
  for (const name of axesOf(own)) {
    own[name] = { ...own[name], gridcolor: rule, linecolor: rule, zerolinecolor: rule, color: ink, automargin: true };
    if (width < ROOM_FOR_TITLES && own[name].title) own[name].title = { ...own[name].title, font: { size: 10 } };
  }
  const touch = matchMedia("(pointer: coarse)").matches;
  return {
    dragmode: touch ? false : "zoom",
    ...own,
    margin: { ...MARGIN, ...own.margin },
    autosize: true,
    uirevision: "zoom stays",
    width: undefined,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { size: 12, ...own.font, family: FONT, color: ink },
    showlegend: own.showlegend !== false && width >= ROOM_FOR_LEGEND,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("quiet"), activecolor: ink },
    hoverlabel: { namelength: -1, ...own.hoverlabel, bgcolor: colour("plate"), bordercolor: rule, font: { color: ink, family: FONT } },
  };
}

function tracesFor(traces) {
  const own = isDark() ? recoloured(traces, "") : structuredClone(traces);
  for (const trace of own) {
    if (hidden.has(trace.legendgroup) && trace.visible !== false) trace.visible = "legendonly";
  }
  return own;
}

async function redraw(plot) {
  const name = plot.dataset.chart;
  const figure = plot.closest(".chart");
  try {
    const [Plotly, chart] = await Promise.all([plotly(), chartOf(name)]);
    plot.style.minWidth = `${leastWidth(chart.layout)}px`;
    plot.style.height = `${chart.layout.height ?? 420}px`;
    figure.classList.add("drawn");
    await Plotly.react(plot, tracesFor(chart.traces), layoutFor(chart.layout, plot.clientWidth), CONFIG);
    if (!drawn.has(plot)) followLegend(plot);
    drawn.add(plot);
  } catch (error) {
    figure.classList.remove("drawn");
    console.warn(`the figure ${name} stays as it is: ${error}`);
  }
}

// one after the other: a figure is not drawn twice at once
function draw(plot) {
  stale.delete(plot);
  queue = queue.then(() => redraw(plot));
}

// plotly's own legend does what the list of mixers does
function followLegend(plot) {
  const instead = (act) => (event) => {
    const mixer = event.data[event.curveNumber].legendgroup;
    const ours = known.includes(mixer);
    if (ours) act(mixer);
    return !ours;
  };
  plot.on("plotly_legendclick", instead(toggle));
  plot.on("plotly_legenddoubleclick", instead(alone));
}

// figures out of view wait until they are seen
function redrawAll() {
  for (const plot of drawn) {
    stale.add(plot);
    if (near.has(plot)) draw(plot);
  }
}

// static forms that the page holds compressed, for print
async function completeStatics() {
  const statics = JSON.parse(await stored("statics"));
  for (const place of document.querySelectorAll("[data-static]")) {
    if (statics[place.dataset.static]) place.innerHTML = statics[place.dataset.static];
  }
}

function offerCharts() {
  completeStatics();
  watchers.push(redrawAll);
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const plot = target.querySelector(".plot");
      near[isIntersecting ? "add" : "delete"](plot);
      if (isIntersecting && stale.has(plot)) draw(plot);
    }
  }, { rootMargin: "400px" });
  for (const figure of document.querySelectorAll(".chart")) {
    stale.add(figure.querySelector(".plot"));
    observer.observe(figure);
  }
}
