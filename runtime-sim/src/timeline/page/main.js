// Drawing a frame, and what the reader does.

const canvas = element("canvas");
const pen = canvas.getContext("2d");
let wanted = false;
let pointer = null;

/** How long the last frames took to draw, in milliseconds, newest last. */
const frames = [];
window.grete = { frames, view, layout, facts, events, search, hits, get selected() { return selected; } };

function redraw() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(() => {
    wanted = false;
    const began = performance.now();
    draw();
    frames.push(performance.now() - began);
    if (frames.length > 600) frames.shift();
  });
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  view.width = box.width;
  view.height = box.height;
  if (canvas.width !== Math.round(box.width * ratio) || canvas.height !== Math.round(box.height * ratio)) {
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colours.page;
  pen.fillRect(0, 0, view.width, view.height);
  hits.length = 0;
  within(GUTTER, TOP, () => {
    drawIdles();
    drawLanes(pen);
    drawCharts(pen);
    drawMarks();
    drawFound(pen);
  });
  pen.fillStyle = colours.panel;
  pen.fillRect(0, TOP, GUTTER, view.height);
  within(0, TOP, () => {
    drawLaneNames(pen);
    drawChartNames(pen);
    pen.fillStyle = colours.line;
    pen.fillRect(GUTTER - 1, TOP, 1, view.height - TOP);
  });
  drawRuler();
  drawOverview();
}

function within(x, y, what) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, view.width - x, view.height - y);
  pen.clip();
  what();
  pen.restore();
}

function drawIdles() {
  for (const idle of axis.idles) {
    if (idle.to < view.from || idle.from > view.to) continue;
    const x0 = xOf(idle.from), x1 = xOf(idle.to);
    if (x1 - x0 < 6) continue;
    pen.fillStyle = stripes(pen, colours.line, 5);
    pen.globalAlpha = 0.5;
    pen.fillRect(x0, TOP, x1 - x0, view.height - TOP);
    pen.globalAlpha = 1;
  }
}

/** Lines over all lanes: where it broke, what is selected, where the pointer is, when all was healed. */
function drawMarks() {
  const line = (place, colour, width, dash) => {
    const x = xOf(place);
    if (x < GUTTER || x > view.width) return;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x, TOP);
    pen.lineTo(x, view.height);
    pen.stroke();
    pen.setLineDash([]);
  };
  line(placeOf(facts.heal), colours.quiet, 1, [8, 6]);
  if (selected >= 0) line(events.place[selected], colours.selected, 1.2, []);
  if (facts.verdict) line(placeOf(facts.verdict.at), colours.broken, 2.5, []);
  if (pointer && pointer.x > GUTTER) line(placeAt(pointer.x), colours.quiet, 0.7, [2, 3]);
}

function drawRuler() {
  pen.fillStyle = colours.panel;
  pen.fillRect(0, 0, view.width, TOP);
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  let last = "";
  for (let x = GUTTER + 8; x < view.width - 60; x += 118) {
    const time = timeOf(placeAt(x));
    if (time < 0 || time > facts.end) continue;
    const scale = (timeOf(placeAt(x + 118)) - time) / 1e6;
    const digits = Math.min(Math.max(Math.ceil(2 - Math.log10(Math.max(scale, 1e-6))), 1), 6);
    const text = `${(time / 1e6).toFixed(digits)} s`;
    if (text === last) continue;
    last = text;
    pen.fillStyle = colours.line;
    pen.fillRect(x, OVERVIEW + 2, 1, 10);
    pen.fillStyle = colours.quiet;
    pen.fillText(text, x + 4, OVERVIEW + 13);
  }
  for (const idle of axis.idles) {
    if (idle.to < view.from || idle.from > view.to) continue;
    const x0 = Math.max(xOf(idle.from), GUTTER), x1 = Math.min(xOf(idle.to), view.width);
    if (x1 - x0 < 50) continue;
    const text = `⋯ ${tellSpan(idle.micros)}`;
    pen.fillStyle = colours.quiet;
    pen.textAlign = "center";
    clipped(pen, text, (x0 + x1) / 2, TOP - 6, x1 - x0);
    pen.textAlign = "left";
  }
  const flag = (place, text, colour) => {
    const x = xOf(place);
    if (x < GUTTER - 1 || x > view.width) return;
    pen.font = "600 11px system-ui, 'DejaVu Sans', sans-serif";
    const wide = pen.measureText(text).width + 12;
    const left = Math.min(x, view.width - wide);
    pen.fillStyle = colour;
    pen.fillRect(left, TOP - 17, wide, 17);
    pen.fillStyle = colours.page;
    pen.fillText(text, left + 6, TOP - 5);
  };
  flag(placeOf(facts.heal), "healed", colours.quiet);
  if (facts.verdict) flag(placeOf(facts.verdict.at), `✕ ${facts.verdict.checker}`, colours.broken);
  pen.fillStyle = colours.line;
  pen.fillRect(0, TOP - 1, view.width, 1);
}

/** The whole run in a strip, with the part that is seen. */
function drawOverview() {
  const x = (place) => GUTTER + (place / axisEnd()) * (view.width - GUTTER);
  const bins = overviewBins(Math.max(Math.floor(view.width - GUTTER), 1));
  pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.5;
  bins.forEach((share, bin) => share > 0 && pen.fillRect(GUTTER + bin, OVERVIEW - 2 - share * 18, 1, share * 18));
  pen.globalAlpha = 1;
  for (const of of faults) {
    pen.fillStyle = colours.fault;
    pen.fillRect(x(of.from), 2, 2, 6);
  }
  if (facts.verdict) glyph(pen, "triangle", x(placeOf(facts.verdict.at)), 8, 6, colours.broken);
  pen.strokeStyle = colours.text;
  pen.lineWidth = 1.5;
  const from = Math.max(x(view.from), GUTTER), to = Math.min(x(view.to), view.width - 1);
  pen.strokeRect(from, 1, Math.max(to - from, 4), OVERVIEW - 2);
  pen.fillStyle = colours.quiet;
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  pen.fillText("whole run", 12, 17);
}

let overview = { axis: null, width: 0, bins: [] };

function overviewBins(width) {
  if (overview.axis !== axis.places || overview.width !== width) {
    const bins = new Float64Array(width + 1);
    for (let event = 0; event < events.count; event += 1) bins[Math.floor((events.place[event] / axisEnd()) * width)] += 1;
    const most = Math.max(...bins);
    overview = { axis: axis.places, width, bins: bins.map((count) => (count > 0 ? Math.max(Math.log1p(count) / Math.log1p(most), 0.1) : 0)) };
  }
  return overview.bins;
}

/** What is at a point: small things before what they lie on. */
function find(x, y) {
  const near = (of) => {
    if (!of.line) return x >= of.x0 && x <= of.x1 && y >= of.y0 && y <= of.y1;
    const [dx, dy] = [of.x1 - of.x0, of.y1 - of.y0];
    const along = Math.min(Math.max(((x - of.x0) * dx + (y - of.y0) * dy) / (dx * dx + dy * dy || 1), 0), 1);
    return Math.hypot(x - of.x0 - along * dx, y - of.y0 - along * dy) < 5;
  };
  const rank = { operation: 0, group: 1, message: 2, fault: 3, state: 4, log: 5 };
  const found = hits.filter(near).sort((one, other) => rank[one.kind] - rank[other.kind])[0];
  return found && { ...found, place: placeAt(x) };
}

/** Shows where the promise was broken: what shows it, and what stands out around it. */
function showViolation() {
  if (!facts.verdict) return;
  const places = [placeOf(facts.verdict.at)];
  for (const id of facts.verdict.operations) places.push(operations[id].from, operations[id].to);
  for (const [at, , what] of facts.notable) {
    if (!facts.verdict.partition || what.includes(`${facts.verdict.partition} `)) places.push(placeOf(at));
  }
  const [from, to] = [Math.min(...places), Math.max(...places)];
  const margin = Math.max((to - from) * 0.25, 1500);
  show(from - margin, to + margin);
  const chart = layout.charts.find(({ log }) => log?.name === facts.verdict.partition);
  if (chart) reveal(chart.y, chart.height);
  const shown = facts.verdict.operations[0];
  select(facts.verdict.event, shown === undefined ? null : describe({ kind: "operation", of: operations[shown] }));
}

function step(by, sameLane) {
  let event = selected < 0 ? nearestEvent((view.from + view.to) / 2) : selected;
  const lane = events.lane[event];
  do event += by;
  while (event >= 0 && event < events.count && sameLane && events.lane[event] !== lane);
  if (event >= 0 && event < events.count) go(event);
}

function turnTheme() {
  document.documentElement.classList.toggle("dark");
  readColours();
  tellLegend();
  redraw();
}

function turnIdle() {
  const [from, to] = [timeOf(view.from), timeOf(view.to)];
  buildAxis(!axis.shortened);
  element("idle").setAttribute("aria-pressed", String(axis.shortened));
  element("idle").textContent = axis.shortened ? "Idle time short" : "True to scale";
  show(placeOf(from), placeOf(to));
}

const KEYS = {
  ArrowLeft: () => pan(-120), ArrowRight: () => pan(120), ArrowUp: () => scroll(-60), ArrowDown: () => scroll(60),
  "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7), 0: fit, v: showViolation, s: goToNotable,
  n: () => step(1), p: () => step(-1), N: () => step(1, true), P: () => step(-1, true),
  "/": () => element("search").focus(), i: turnIdle, t: turnTheme, "?": () => element("keys").showModal(),
  Escape: () => select(-1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || element("keys").open) return;
  if (event.target === element("search")) {
    if (event.key === "Enter") nextFound(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") canvas.focus();
    else return;
    event.preventDefault();
    return;
  }
  // Lists and buttons keep the keys by which they are used.
  if (event.target.closest?.("#panel") && event.key.startsWith("Arrow")) return;
  const does = KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.shiftKey) scroll(event.deltaY || event.deltaX);
  else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX);
  else zoom(Math.exp(Math.min(Math.max(event.deltaY, -300), 300) / 400), event.offsetX);
}, { passive: false });

let drag = null;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  drag = { x: event.offsetX, y: event.offsetY, moved: false, overview: event.offsetY < OVERVIEW };
  if (drag.overview) jumpTo(event.offsetX);
});

canvas.addEventListener("pointermove", (event) => {
  pointer = { x: event.offsetX, y: event.offsetY };
  if (drag?.overview) jumpTo(event.offsetX);
  else if (drag) {
    const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
    if (drag.moved || Math.hypot(dx, dy) > 3) {
      drag = { ...drag, x: event.offsetX, y: event.offsetY, moved: true };
      canvas.classList.add("dragging");
      pan(-dx);
      scroll(-dy);
    }
  }
  tellPointer();
  redraw();
});

canvas.addEventListener("pointerup", (event) => {
  const clicked = drag && !drag.moved && !drag.overview;
  drag = null;
  canvas.classList.remove("dragging");
  if (!clicked) return;
  const found = find(event.offsetX, event.offsetY);
  if (found && found.kind !== "log") selectHit(found);
  else if (event.offsetY > TOP) select(nearestEvent(placeAt(event.offsetX)));
});

canvas.addEventListener("pointerleave", () => {
  pointer = null;
  element("tooltip").hidden = true;
  redraw();
});

function jumpTo(x) {
  centre(((x - GUTTER) / (view.width - GUTTER)) * axisEnd());
}

function tellPointer() {
  const tooltip = element("tooltip");
  const found = !drag && pointer.y > TOP && find(pointer.x, pointer.y);
  tooltip.hidden = !found;
  if (!found) return;
  tooltip.innerText = describe(found);
  const box = canvas.getBoundingClientRect();
  tooltip.style.left = `${Math.min(pointer.x + 14, box.width - tooltip.offsetWidth - 8)}px`;
  tooltip.style.top = `${Math.min(pointer.y + 16, box.height - tooltip.offsetHeight - 8)}px`;
}

element("search").addEventListener("input", (event) => runSearch(event.target.value));
for (const [id, does] of Object.entries({
  previous: () => nextFound(-1), next: () => nextFound(1), in: () => zoom(0.7), out: () => zoom(1 / 0.7), fit,
  violation: showViolation, idle: turnIdle, theme: turnTheme, help: () => element("keys").showModal(),
})) element(id).addEventListener("click", does);
new ResizeObserver(redraw).observe(canvas);

if (window.matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark");
readColours();
buildLayout();
draw();
tellVerdict();
tellNotable();
tellLegend();
document.querySelector("#script pre").textContent = facts.script.join("\n");
if (facts.verdict) {
  showViolation();
  element("script").open = facts.script.length < 40;
} else fit();
