// What of the run is to be seen: the part of the axis, the part of the height, and where lanes and charts lie.

const GUTTER = 118;
const RULER = 34;
const OVERVIEW = 26;
const TOP = RULER + OVERVIEW;
const ROW = 17;
const CHANNEL = 44;

const view = { from: 0, to: 1, scroll: 0, width: 800, height: 600 };

/** Lanes and charts from top to bottom, in pixels of the whole height. */
const layout = { lanes: [], charts: [], height: 0 };

function buildLayout() {
  let y = 6;
  layout.lanes = facts.lanes.map((lane, place) => {
    // Between clients and nodes there is room for arrows.
    if (place > 0 && lane.kind !== facts.lanes[place - 1].kind) y += CHANNEL;
    const height = lane.kind === "node" ? 80 : 32 + rowsOfLanes[place] * ROW;
    const at = { y, height, lane, place };
    y += height + 5;
    return at;
  });
  y += 12;
  layout.charts = [];
  const changes = (log) => log.points.some((point) => point.end > 0);
  const rank = (log) => (log.name === facts.verdict?.partition ? 0 : log.name.startsWith("__") ? 2 : 1);
  const add = (chart) => {
    layout.charts.push({ ...chart, y });
    y += chart.height + 8;
  };
  const ordered = logs.filter(changes).sort((one, other) => rank(one) - rank(other));
  for (const log of ordered.filter((log) => rank(log) < 2)) add({ log, height: rank(log) === 0 ? 150 : 84 });
  for (const group of groups) add({ group, height: 30 });
  for (const log of ordered.filter((log) => rank(log) === 2)) add({ log, height: 60 });
  layout.height = y + 10;
}

function axisEnd() {
  return axis.places.at(-1) || 1;
}

function xOf(place) {
  return GUTTER + ((place - view.from) / (view.to - view.from)) * (view.width - GUTTER);
}

function placeAt(x) {
  return view.from + ((x - GUTTER) / (view.width - GUTTER)) * (view.to - view.from);
}

function yOf(y) {
  return TOP + y - view.scroll;
}

function show(from, to) {
  const end = axisEnd();
  const span = Math.min(Math.max(to - from, 20), end * 1.1);
  const middle = (from + to) / 2;
  view.from = Math.min(Math.max(middle - span / 2, -0.05 * end), 1.05 * end - span);
  view.to = view.from + span;
  redraw();
}

function zoom(factor, x = GUTTER + (view.width - GUTTER) / 2) {
  const fixed = placeAt(x);
  const from = fixed - (fixed - view.from) * factor;
  show(from, from + (view.to - view.from) * factor);
}

function pan(pixels) {
  const shift = (pixels / (view.width - GUTTER)) * (view.to - view.from);
  show(view.from + shift, view.to + shift);
}

function scroll(pixels) {
  const most = Math.max(layout.height - (view.height - TOP), 0);
  view.scroll = Math.min(Math.max(view.scroll + pixels, 0), most);
  redraw();
}

function fit() {
  const end = axisEnd();
  show(-0.01 * end, 1.01 * end);
}

/** Shows a place in the middle, not wider than `span`. */
function centre(place, span) {
  const wide = Math.min(view.to - view.from, span ?? Infinity);
  show(place - wide / 2, place + wide / 2);
}

/** Brings a lane or a chart into sight. */
function reveal(y, height) {
  const room = view.height - TOP;
  if (y < view.scroll) scroll(y - 10 - view.scroll);
  else if (y + height > view.scroll + room) scroll(y + height + 10 - view.scroll - room);
}
