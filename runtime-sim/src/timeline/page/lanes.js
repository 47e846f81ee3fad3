// Lanes: what nodes are, what clients do, what goes wrong, and what is sent between them.
//
// Only what is visible is drawn, and of what falls on one pixel only the first: a frame costs as much as the screen has room,
// however much there is.

/** What was drawn in this frame and can be pointed at: rectangles, and lines between two points. */
const hits = [];

function hit(kind, of, x0, y0, x1, y1, line = false) {
  hits.push({ kind, of, x0, y0, x1, y1, line });
}

/** Where messages leave and reach a lane. */
function edge(lane, other) {
  const at = layout.lanes[lane];
  return other > lane ? yOf(at.y + at.height) : yOf(at.y);
}

function drawLanes(pen) {
  for (const at of layout.lanes) {
    const y = yOf(at.y);
    if (y > view.height || y + at.height < TOP) continue;
    pen.fillStyle = at.lane.kind === "node" ? colours["lane-other"] : colours.lane;
    pen.fillRect(GUTTER, y, view.width - GUTTER, at.height);
  }
  drawFaults(pen);
  drawStates(pen);
  drawEvents(pen);
  drawMessages(pen);
  drawOperations(pen);
}

function drawLaneNames(pen) {
  for (const at of layout.lanes) {
    const y = yOf(at.y);
    if (y > view.height || y + at.height < TOP) continue;
    pen.fillStyle = colours.text;
    pen.font = "600 13px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillText(at.lane.name, 12, y + 18);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillStyle = colours.quiet;
    const words = at.lane.kind === "node" ? ["node", at.lane.about.split(",")[0], at.lane.about.split(", ")[1]] : [at.lane.about.split(" ")[1] ?? ""];
    if (at.lane.name === "auditor") words[0] = "sets up, audits";
    words.forEach((word, line) => word && clipped(pen, word, 12, y + 33 + line * 13, GUTTER - 16));
  }
}

const STATE_COLOURS = { Serving: "serving", Booting: "booting", Stopping: "stopping", Down: "down" };

function drawStates(pen) {
  for (const of of states) {
    if (of.to < view.from || of.from > view.to) continue;
    const at = layout.lanes[of.lane];
    const [x0, x1] = [Math.max(xOf(of.from), GUTTER), Math.min(Math.max(xOf(of.to), xOf(of.from) + 1), view.width)];
    const y = yOf(at.y) + 34, height = 22;
    const kind = /^\w+/.exec(of.state)[0];
    pen.fillStyle = colours[STATE_COLOURS[kind] ?? "stopping"];
    pen.fillRect(x0, y, x1 - x0, height);
    if (kind === "Booting") {
      pen.fillStyle = stripes(pen, colours.unknown);
      pen.fillRect(x0, y, x1 - x0, height);
    }
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    const label = tellState(of.state);
    if (kind === "Booting" && x1 - x0 > 26) {
      pen.fillStyle = colours.booting;
      pen.fillRect(x0, y, Math.min(label.length * 6.6 + 8, x1 - x0), height);
    }
    pen.fillStyle = kind === "Down" ? colours["down-text"] : colours.text;
    clipped(pen, label, x0 + 5, y + 15, x1 - x0 - 8);
    hit("state", of, x0, y, x1, y + height);
  }
}

function tellState(state) {
  const down = /^Down\((.*)\)$/s.exec(state);
  if (!down) return state.toLowerCase();
  const how = { PowerLoss: "power lost", Killed: "killed", Stopped: "stopped", Never: "never started" };
  return `down: ${how[down[1]] ?? down[1]}`;
}

function drawFaults(pen) {
  const labels = new Map();
  for (const of of faults) {
    if (of.to < view.from || of.from > view.to) continue;
    const at = layout.lanes[of.lane];
    const x0 = xOf(of.from), x1 = Math.max(xOf(of.to), x0 + 2), y = yOf(at.y);
    pen.fillStyle = colours["fault-fill"];
    pen.fillRect(x0, y, x1 - x0, at.height);
    pen.fillStyle = stripes(pen, colours.fault, 9);
    pen.globalAlpha = 0.35;
    pen.fillRect(x0, y, x1 - x0, at.height);
    pen.globalAlpha = 1;
    pen.fillStyle = colours.fault;
    pen.fillRect(x0, y, 2, at.height);
    glyph(pen, "bolt", x0 + 9, y + 12, 6, colours.fault);
    // A label goes where none is yet.
    const row = labels.get(of.lane) ?? -Infinity;
    if (x0 > row) {
      pen.font = "600 11.5px system-ui, 'DejaVu Sans', sans-serif";
      pen.fillStyle = colours.fault;
      pen.fillText(of.text, x0 + 19, y + 16);
      labels.set(of.lane, x0 + 24 + of.text.length * 6.4);
    }
    hit("fault", of, x0, y, Math.max(x1, x0 + 16), y + 26);
  }
}

/** Ticks for everything that happens on a lane. */
function drawEvents(pen) {
  const last = new Float64Array(layout.lanes.length).fill(-1);
  pen.fillStyle = colours.quiet;
  pen.globalAlpha = 0.55;
  for (let event = lastBefore(events.place, view.from); event < events.count && events.place[event] <= view.to; event += 1) {
    const lane = events.lane[event];
    if (lane < 0) continue;
    const x = Math.round(xOf(events.place[event]));
    if (x === last[lane] || x < GUTTER) continue;
    last[lane] = x;
    const at = layout.lanes[lane];
    const y = yOf(at.y);
    if (at.lane.kind === "node") pen.fillRect(x, y + 62, 1, 10);
    else pen.fillRect(x, y + 22, 1, 5);
  }
  pen.globalAlpha = 1;
}

/** From so many messages on they are drawn as a crowd. */
const CROWD = 800;

/** How far the names of messages go, by their baseline. */
const named = new Map();

function drawMessages(pen) {
  named.clear();
  const first = new Map();
  const visible = [];
  for (let of = 0; of < messages.count; of += 1) {
    const asked = messages.place[of * 4];
    // Responses come late: whoever asked before the left edge may still have an arrow in sight.
    const ends = Math.max(asked, messages.place[of * 4 + 1], messages.place[of * 4 + 2], messages.place[of * 4 + 3]);
    if (asked > view.to) break;
    if (ends < view.from) continue;
    const lanes = messages.client[of] * 64 + messages.node[of];
    const x = Math.round(xOf(asked));
    if (first.get(lanes) === x) continue;
    first.set(lanes, x);
    visible.push(of);
  }
  if (visible.length > CROWD) return drawCrowd(pen, visible);
  const names = visible.length < 70;
  for (const of of visible) {
    const [client, node] = [messages.client[of], messages.node[of]];
    const [asked, came, answered, taken] = messages.place.subarray(of * 4, of * 4 + 4);
    const clientY = edge(client, node), nodeY = edge(node, client);
    if (Math.max(clientY, nodeY) < TOP || Math.min(clientY, nodeY) > view.height) continue;
    leg(pen, of, asked, clientY, came, nodeY, colours.request, names && messages.what[of]);
    if (answered >= 0) leg(pen, of, answered, nodeY, taken, clientY, colours.response, names && `re ${/#\d+/.exec(messages.what[of])?.[0] ?? ""}`);
  }
}

/** So many messages that no single one is told from others: all requests as thin lines, and what was lost. */
function drawCrowd(pen, visible) {
  for (const lost of [false, true]) {
    pen.globalAlpha = lost ? 0.8 : 0.16;
    pen.fillStyle = lost ? colours.lost : colours.request;
    for (const of of visible) {
      if (messages.at[of * 4 + 1] < 0 !== lost) continue;
      const [client, node] = [messages.client[of], messages.node[of]];
      const clientY = edge(client, node), nodeY = edge(node, client);
      const height = Math.abs(nodeY - clientY);
      pen.fillRect(Math.round(xOf(messages.place[of * 4])), Math.min(clientY, nodeY), 1, lost ? height / 2 : height);
    }
  }
  pen.globalAlpha = 1;
}

/** One way of a message: an arrow, or the beginning of one that does not arrive. */
function leg(pen, of, leaves, y0, arrives, y1, colour, name) {
  const lost = arrives < 0;
  const x0 = xOf(leaves), x1 = lost ? x0 + 10 : xOf(arrives);
  if (x1 < GUTTER || x0 > view.width) return;
  if (lost) y1 = y0 + (y1 - y0) * 0.5;
  pen.strokeStyle = lost ? colours.lost : colour;
  pen.lineWidth = search.hits.has(messages.event[of]) ? 3 : 1.2;
  pen.setLineDash(lost ? [4, 3] : []);
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.setLineDash([]);
  if (lost) glyph(pen, "cross", x1, y1, 4, colours.lost);
  else {
    const turn = Math.atan2(y1 - y0, x1 - x0);
    pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x1 - 8 * Math.cos(turn - 0.35), y1 - 8 * Math.sin(turn - 0.35));
    pen.lineTo(x1 - 8 * Math.cos(turn + 0.35), y1 - 8 * Math.sin(turn + 0.35));
    pen.fill();
  }
  const from = Math.max(x0, GUTTER) + 6, baseline = y0 + (y1 < y0 ? -6 : 13);
  if (name && from > (named.get(baseline) ?? -Infinity)) {
    pen.font = "10.5px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillStyle = colours.quiet;
    pen.fillText(name, from, baseline);
    // No name is written over another.
    named.set(baseline, from + name.length * 6 + 6);
  }
  hit("message", of, x0, y0, x1, y1, true);
}

function drawOperations(pen) {
  const last = new Map();
  pen.font = "11.5px system-ui, 'DejaVu Sans', sans-serif";
  for (const of of operations) {
    if (of.from > view.to || of.to < view.from) continue;
    const at = layout.lanes[of.lane];
    const x0 = xOf(of.from), x1 = Math.max(xOf(of.to), x0 + 2);
    const y = yOf(at.y) + 29 + of.row * ROW, height = ROW - 3;
    if (y > view.height || y + height < TOP) continue;
    const key = of.lane * 8 + of.row, pixel = Math.round(x0);
    // What ends where another has ended on the same pixel is not seen; what the violation is about always is.
    if (!of.broken && x1 - x0 <= 2 && last.get(key) === pixel) continue;
    last.set(key, pixel);
    const colour = colours[of.outcome];
    if (!of.broken && x1 - x0 < 4) {
      // Too narrow for anything but its colour.
      pen.fillStyle = colour;
      pen.fillRect(x0, of.outcome === "done" ? y : y - 2, Math.max(x1 - x0, 1), of.outcome === "done" ? height : height + 4);
      hit("operation", of, x0 - 2, y, x1 + 2, y + height);
      continue;
    }
    const left = Math.max(x0, GUTTER), right = Math.min(x1, view.width);
    pen.fillStyle = colour;
    pen.globalAlpha = of.outcome === "done" ? 0.22 : 0.12;
    pen.fillRect(left, y, right - left, height);
    pen.globalAlpha = 1;
    if (of.outcome === "failed") {
      pen.fillStyle = stripes(pen, colour);
      pen.fillRect(left, y, right - left, height);
    }
    pen.strokeStyle = of.broken ? colours.broken : colour;
    pen.lineWidth = of.broken ? 3 : 1;
    pen.setLineDash(of.outcome === "unknown" ? [5, 3] : of.outcome === "open" ? [2, 3] : []);
    pen.strokeRect(x0 + 0.5, y + 0.5, Math.max(x1 - x0 - 1, 1), height - 1);
    pen.setLineDash([]);
    const mark = { done: "✓", failed: "✕", unknown: "?", open: "…" }[of.outcome];
    const label = `${mark} ${of.what} → ${of.result}`;
    pen.fillStyle = colours.text;
    if (right - left > 150) clipped(pen, label, left + 4, y + 11, right - left - 6);
    else {
      // Beside the bar, as far as nothing else is there.
      const room = (of.follower ? xOf(of.follower.from) : Infinity) - x1 - 8;
      if (room > 60) clipped(pen, label, Math.max(x1, GUTTER) + 4, y + 11, Math.min(room, 420));
    }
    hit("operation", of, Math.min(x0, x1 - 6), y, Math.max(x1, x0 + 6), y + height);
  }
}
