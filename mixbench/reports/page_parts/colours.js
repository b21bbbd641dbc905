// Colours of mixers are made for white paper: on a dark page, those that are too dark for it are lighter.
const DARK = "#1d2024";
const INK = [228, 230, 232];
const ENOUGH = 4.5;

function luminance(rgb) {
  const linear = rgb.map((part) => (part /= 255, part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// "#d55e00" or "rgba(213,94,0,0.2)" as its parts; null for anything else
function parsed(text) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  if (hex) return { rgb: hex.slice(1).map((part) => parseInt(part, 16)), alpha: null };
  const call = /^rgba?\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?:,\s*([\d.]+)\s*)?\)$/i.exec(text);
  return call && { rgb: call.slice(1, 4).map(Number), alpha: call[4] ?? null };
}

// greys are as far from the page as they were, so that black is the colour of text, and what is pale stays pale
function onDark(text) {
  const colour = parsed(text);
  if (!colour) return text;
  const paper = parsed(DARK).rgb;
  const isGrey = Math.max(...colour.rgb) - Math.min(...colour.rgb) < 8;
  const grey = colour.rgb[0] / 255;
  let rgb = isGrey ? INK.map((part, place) => Math.round(part * (1 - grey) + paper[place] * grey)) : colour.rgb;
  for (let share = 0.1; !isGrey && contrast(rgb, paper) < ENOUGH && share <= 1; share += 0.1) {
    rgb = colour.rgb.map((part) => Math.round(part + (255 - part) * share));
  }
  return colour.alpha === null ? `rgb(${rgb})` : `rgba(${rgb},${colour.alpha})`;
}

// a copy of plain values in which every colour suits a dark page; scales of colours stay
function recoloured(value, key) {
  if (key === "colorscale") return value;
  if (typeof value === "string") return /color/i.test(key) ? onDark(value) : value;
  if (Array.isArray(value)) return value.map((each) => recoloured(each, key));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, recoloured(each, name)]));
  }
  return value;
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
