// Charts below the lanes: the ends of each log over time, with what was acknowledged to clients, and the states of groups.

const LINES = [
  { key: "start", colour: "log-start", dash: [2, 4], name: "log start" },
  { key: "end", colour: "log-end", dash: [], name: "log end: what was appended" },
  { key: "flushed", colour: "log-flushed", dash: [6, 4], name: "flushed: what a power loss leaves" },
  { key: "visible", colour: "log-visible", dash: [], area: true, name: "high watermark: what clients see" },
];

function drawCharts(pen) {
  for (const chart of layout.charts) {
    const y = yOf(chart.y);
    if (y > view.height || y + chart.height < TOP) continue;
    pen.fillStyle = colours.lane;
    pen.fillRect(GUTTER, y, view.width - GUTTER, chart.height);
    if (chart.log) drawLog(pen, chart, y);
    else drawGroup(pen, chart, y);
  }
}

function drawChartNames(pen) {
  for (const chart of layout.charts) {
    const y = yOf(chart.y);
    if (y > view.height || y + chart.height < TOP) continue;
    const of = chart.log ?? chart.group;
    const broken = of.name === facts.verdict?.partition;
    pen.font = "600 12px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillStyle = broken ? colours.broken : colours.text;
    clipped(pen, of.name, 12, y + 15, GUTTER - 48);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillStyle = colours.quiet;
    pen.fillText(chart.log ? `log on n${of.node}` : `group on n${of.node}`, 12, y + 28);
    pen.textAlign = "right";
    for (const end of chart.range ?? []) pen.fillText(String(end.offset), GUTTER - 6, end.y + 4);
    pen.textAlign = "left";
  }
}

/** What was acknowledged of each partition, by place on the axis. */
const acknowledged = new Map();
for (const of of operations) {
  if (of.partition && of.acknowledged !== null) {
    if (!acknowledged.has(of.partition)) acknowledged.set(of.partition, []);
    acknowledged.get(of.partition).push({ of, offset: Number(of.acknowledged) + of.records });
  }
}

/** The part of the points that is in sight, with the one before. */
function inSight(points) {
  const places = (points.places ??= { axis: null, list: null });
  if (places.axis !== axis.places) {
    places.axis = axis.places;
    places.list = points.map((point) => point.place);
  }
  return [lastBefore(places.list, view.from), Math.min(lastBefore(places.list, view.to) + 1, points.length)];
}

function drawLog(pen, chart, top) {
  const { log } = chart;
  const [first, last] = inSight(log.points);
  let low = Infinity, high = -Infinity;
  for (let at = first; at < last; at += 1) {
    const point = log.points[at];
    if (point.end < 0) continue;
    low = Math.min(low, Math.min(point.flushed, point.visible, point.end));
    high = Math.max(high, point.end);
  }
  for (const { point, from } of log.falls) if (point >= first && point < last) high = Math.max(high, from);
  if (low > high) [low, high] = [0, 1];
  const acks = acknowledged.get(log.name) ?? [];
  for (const { of, offset } of acks) if (of.to >= view.from && of.to <= view.to) high = Math.max(high, offset);
  low = Math.max(low - 1, 0);
  high = Math.max(high, low + 2);
  const room = chart.height - 22;
  const y = (offset) => top + 12 + room - ((offset - low) / (high - low)) * room;
  chart.range = [high, low].map((offset) => ({ offset, y: y(offset) }));
  drawGaps(pen, log, first, last, top, chart.height);
  drawVisible(pen, log, first, last, y, top + chart.height);
  for (const line of LINES) {
    if (line.area) continue;
    pen.strokeStyle = colours[line.colour];
    pen.lineWidth = line.key === "end" ? 1.8 : line.key === "start" ? 1.2 : 2.2;
    pen.setLineDash(line.dash);
    pen.beginPath();
    let drawn = false, pixel = -1;
    for (let at = first; at < last; at += 1) {
      const point = log.points[at];
      const x = xOf(point.place);
      const until = at + 1 < log.points.length ? xOf(log.points[at + 1].place) : view.width;
      if (point.end < 0 || (line.key === "start" && point.start < low)) {
        drawn = false;
        continue;
      }
      // Of what changes within a pixel the last is drawn.
      if (until - x < 0.5 && Math.round(x) === pixel) continue;
      pixel = Math.round(x);
      if (drawn) pen.lineTo(x, y(point[line.key]));
      else pen.moveTo(x, y(point[line.key]));
      pen.lineTo(Math.min(until, view.width + 5), y(point[line.key]));
      drawn = true;
    }
    pen.stroke();
    pen.setLineDash([]);
  }
  drawFalls(pen, log, y);
  let pixel = -1;
  for (const { of, offset } of acks) {
    if (of.to < view.from || of.to > view.to) continue;
    const x = xOf(of.to);
    if (Math.round(x) === pixel && !of.broken) continue;
    pixel = Math.round(x);
    glyph(pen, of.broken ? "ring" : "dot", x, y(offset), of.broken ? 6 : 3, of.broken ? colours.broken : colours.done);
    hit("operation", of, x - 6, y(offset) - 6, x + 6, y(offset) + 6);
  }
  hit("log", chart, GUTTER, top, view.width, top + chart.height);
}

/** The ground below what clients see. */
function drawVisible(pen, log, first, last, y, bottom) {
  pen.fillStyle = colours["log-visible"];
  pen.strokeStyle = colours["log-visible"];
  for (let at = first; at < last; at += 1) {
    const point = log.points[at];
    if (point.end < 0 || !point.serves) continue;
    const x0 = Math.max(xOf(point.place), GUTTER);
    const x1 = at + 1 < log.points.length ? Math.min(xOf(log.points[at + 1].place), view.width) : view.width;
    if (x1 <= x0) continue;
    pen.globalAlpha = 0.28;
    pen.fillRect(x0, y(point.visible), x1 - x0, bottom - y(point.visible));
    pen.globalAlpha = 1;
  }
}

/** Where the log cannot be used. */
function drawGaps(pen, log, first, last, top, height) {
  for (let at = first; at < last; at += 1) {
    if (log.points[at].end >= 0) continue;
    const x0 = Math.max(xOf(log.points[at].place), GUTTER);
    const x1 = at + 1 < log.points.length ? xOf(log.points[at + 1].place) : view.width;
    pen.fillStyle = stripes(pen, colours.line, 9);
    pen.fillRect(x0, top, Math.max(x1 - x0, 1), height);
  }
}

/** Marks where the visible end has gone back: what clients could see is gone. */
function drawFalls(pen, log, y) {
  for (const { point, from, to } of log.falls) {
    const x = xOf(log.points[point].place);
    if (x < GUTTER || x > view.width) continue;
    pen.strokeStyle = colours.broken;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(x, y(from));
    pen.lineTo(x, y(to));
    pen.stroke();
    glyph(pen, "triangle", x, y(to) - 4, 6, colours.broken);
    pen.font = "600 11px system-ui, 'DejaVu Sans', sans-serif";
    const text = `went back from ${from} to ${to}`;
    pen.fillText(text, x + 170 < view.width ? x + 10 : x - 170, y(from) + 4);
  }
}

function drawGroup(pen, chart, top) {
  const { points } = chart.group;
  const [first, last] = inSight(points);
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  for (let at = first; at < last; at += 1) {
    const x0 = Math.max(xOf(points[at].place), GUTTER);
    const x1 = at + 1 < points.length ? Math.min(xOf(points[at + 1].place), view.width) : view.width;
    if (x1 - x0 < 1) continue;
    const stable = points[at].text.startsWith("Stable");
    pen.fillStyle = stable ? colours.serving : colours.stopping;
    pen.fillRect(x0, top + 5, x1 - x0 - 1, chart.height - 10);
    if (!stable) {
      pen.fillStyle = stripes(pen, colours.quiet);
      pen.fillRect(x0, top + 5, x1 - x0 - 1, chart.height - 10);
    }
    pen.fillStyle = colours.text;
    clipped(pen, points[at].text, x0 + 5, top + 19, x1 - x0 - 8);
    hit("group", points[at], x0, top, x1, top + chart.height);
  }
}
