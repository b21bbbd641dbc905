// What the page carries, compressed: each part is unpacked once, when it is first needed.
const unpacked = new Map();

function stored(name) {
  if (!unpacked.has(name)) unpacked.set(name, unpack(document.getElementById(`store-${name}`).textContent));
  return unpacked.get(name);
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

let library = null;

function plotly() {
  library ??= stored("plotly").then((code) => {
    const script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
    return window.Plotly;
  });
  return library;
}

let drawings = null;

function chartOf(name) {
  drawings ??= stored("charts").then(JSON.parse);
  return drawings.then((all) => all[name]);
}

function save(file, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function offerDownloads() {
  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", async () => {
      const files = JSON.parse(await stored("downloads"));
      save(button.dataset.file, files[button.dataset.file]);
    });
  }
}
