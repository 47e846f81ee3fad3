// The panel: the promise that was broken, what stands out, what is selected and what happens around it.

const element = (id) => document.getElementById(id);

/** The event that is selected, or -1. */
let selected = -1;
/** Whether what is selected is an operation, a fault, ...: told above the events around it. */
let selectedThing = null;

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function tellVerdict() {
  const badge = element("badge"), box = element("verdict");
  if (!facts.verdict) {
    badge.className = "kept";
    badge.textContent = "✓ all promises kept";
    element("violation").disabled = true;
    return;
  }
  const { checker, expected, seen, at, partition } = facts.verdict;
  badge.className = "broken";
  badge.textContent = `✕ broken: ${checker}`;
  box.className = "broken";
  box.append(make("h2", { textContent: "Broken promise" }), make("div", { className: "checker", textContent: checker }));
  const list = make("dl");
  if (expected) list.append(make("dt", { textContent: "Expected" }), make("dd", { id: "expected", textContent: expected }));
  list.append(make("dt", { textContent: "Seen" }), make("dd", { id: "seen", textContent: seen }));
  list.append(make("dt", { textContent: "When" }), make("dd", { textContent: tellTime(at) + (partition ? `, in ${partition}` : "") }));
  box.append(list);
  if (facts.verdict.operations.length > 0) box.append(make("h2", { textContent: "Operations that show it" }));
  for (const id of facts.verdict.operations) {
    const of = operations[id];
    const lane = facts.lanes[of.lane].name;
    box.append(item(`${lane}: ${of.what} → ${of.result}`, of.began, () => selectOperation(of)));
  }
}

function item(text, time, go) {
  const made = make("button", { className: "item", onclick: go }, text, make("br"), make("small", { textContent: tellTime(time) }));
  made.type = "button";
  return made;
}

function tellNotable() {
  if (facts.notable.length === 0) return;
  const box = element("notable");
  box.append(make("h2", { textContent: "What stands out" }));
  facts.notable.forEach(([at, event, what]) => box.append(item(what, at, () => go(event))));
}

let nextNotable = 0;

function goToNotable() {
  if (facts.notable.length === 0) return;
  go(facts.notable[nextNotable][1]);
  nextNotable = (nextNotable + 1) % facts.notable.length;
}

/** The lines around the selected event. */
function tellSelected() {
  const box = element("selected");
  box.replaceChildren();
  if (selected < 0) return;
  box.append(make("h2", { textContent: `Event ${selected} at ${tellTime(events.at[selected])}` }));
  if (selectedThing) box.append(make("p", { id: "thing", textContent: selectedThing }));
  const list = make("ul", { id: "events" });
  for (let event = Math.max(selected - 9, 0); event < Math.min(selected + 16, events.count); event += 1) {
    const lane = events.lane[event] < 0 ? "w" : facts.lanes[events.lane[event]].name;
    const since = events.at[event] - events.at[selected];
    const when = `${since < 0 ? "−" : "+"}${tellSpan(Math.abs(since))}`.padStart(9);
    const line = make("li", { className: event === selected ? "here" : "", onclick: () => go(event) },
      make("span", { className: "time", textContent: `${when} ` }), make("span", { className: "lane", textContent: lane }),
      ` ${events.sign[event]} ${events.text[event]}`);
    list.append(line);
  }
  box.append(list);
}

function select(event, thing = null) {
  selected = event;
  selectedThing = thing;
  tellSelected();
  redraw();
}

/** Selects an event and brings it into sight. */
function go(event, thing = null) {
  const near = Math.max(view.to - view.from, 1);
  const place = events.place[event];
  if (place < view.from + near * 0.05 || place > view.to - near * 0.05) centre(place, near);
  const lane = events.lane[event];
  if (lane >= 0) reveal(layout.lanes[lane].y, layout.lanes[lane].height);
  select(event, thing);
}

function selectOperation(of) {
  const thing = `${facts.lanes[of.lane].name}: ${of.what} → ${of.result}, from ${tellTime(of.began)} on` +
    (of.ended < 0 ? ", never ended" : `, took ${tellSpan(of.ended - of.began)}`);
  if (of.from < view.from || of.to > view.to || xOf(of.to) - xOf(of.from) < 60) {
    const span = Math.max((of.to - of.from) * 4, 2000);
    show((of.from + of.to) / 2 - span / 2, (of.from + of.to) / 2 + span / 2);
  }
  go(Math.max(of.event, 0), thing);
}

/** Selects what a pointer has found. */
function selectHit(found) {
  const { kind, of } = found;
  if (kind === "operation") select(Math.max(of.event, 0), describe(found));
  else if (kind === "fault" || kind === "group") select(of.event, describe(found));
  else if (kind === "message") select(messages.event[of], describe(found));
  else if (kind === "state") select(nearestEvent(of.from), describe(found));
}

function nearestEvent(place) {
  return lastBefore(events.place, place);
}

/** What a pointer has found, in words. */
function describe({ kind, of, place }) {
  switch (kind) {
    case "operation":
      return `${facts.lanes[of.lane].name}: ${of.what} → ${of.result}\n${tellTime(of.began)}` +
        (of.ended < 0 ? ", never ended" : `, took ${tellSpan(of.ended - of.began)}`);
    case "fault":
      return `${of.kind}: ${of.text}\n${tellTime(of.at)}` + (of.until > of.at ? `, for ${tellSpan(of.until - of.at)}` : "");
    case "state":
      return `${facts.lanes[of.lane].name} is ${tellState(of.state)}\nfrom ${tellTime(of.at)} for ${tellSpan(of.until - of.at)}`;
    case "group":
      return of.text;
    case "message": {
      const [asked, came, answered, taken] = messages.at.subarray(of * 4, of * 4 + 4);
      const part = (name, at) => (at < 0 ? `never ${name}` : `${name} ${tellTime(at)}`);
      return `${messages.what[of]}: ${facts.lanes[messages.client[of]].name} to ${facts.lanes[messages.node[of]].name}\n` +
        [part("sent", asked), part("arrived", came), part("answered", answered), part("response arrived", taken)].join("\n");
    }
    case "log": {
      const points = of.log.points;
      const at = points[lastBefore(points.map((point) => point.place), place)];
      if (at.place > place) return `${of.log.name}: not there yet`;
      return at.end < 0 ? `${of.log.name} on n${of.log.node}: not to be used`
        : `${of.log.name} on n${of.log.node}\nlog end ${at.end}, flushed ${at.flushed}, high watermark ${at.visible}, log start ${at.start}`;
    }
  }
  return "";
}

const SAMPLES = [
  ["operation: took effect", (pen) => sampleBar(pen, "done", [])],
  ["operation: failed", (pen) => sampleBar(pen, "failed", [], true)],
  ["operation: nobody knows", (pen) => sampleBar(pen, "unknown", [5, 3])],
  ["operation: never ended", (pen) => sampleBar(pen, "open", [2, 3])],
  ["request", (pen) => sampleLine(pen, colours.request, [], 1.4)],
  ["response", (pen) => sampleLine(pen, colours.response, [], 1.4)],
  ["message that did not arrive", (pen) => { sampleLine(pen, colours.lost, [4, 3], 1.4); glyph(pen, "cross", 40, 9, 4, colours.lost); }],
  ["fault, for as long as it lasts", (pen) => { pen.fillStyle = colours["fault-fill"]; pen.fillRect(0, 0, 44, 18); glyph(pen, "bolt", 10, 9, 6, colours.fault); }],
  ...LINES.map((line) => [line.name, (pen) => (line.area ? sampleArea(pen, colours[line.colour]) : sampleLine(pen, colours[line.colour], line.dash, 2.2))]),
  ["acknowledged up to that offset", (pen) => glyph(pen, "dot", 22, 9, 4, colours.done)],
  ["what was visible is gone", (pen) => glyph(pen, "triangle", 22, 9, 6, colours.broken)],
  ["what shows the broken promise", (pen) => glyph(pen, "ring", 22, 9, 6, colours.broken)],
  ["idle time, shortened", (pen) => { pen.fillStyle = stripes(pen, colours.line, 5); pen.fillRect(0, 0, 44, 18); }],
];

function sampleBar(pen, outcome, dash, striped = false) {
  pen.fillStyle = striped ? stripes(pen, colours[outcome]) : colours[outcome];
  pen.globalAlpha = striped ? 1 : 0.22;
  pen.fillRect(1, 3, 42, 12);
  pen.globalAlpha = 1;
  pen.strokeStyle = colours[outcome];
  pen.setLineDash(dash);
  pen.strokeRect(1.5, 3.5, 41, 11);
}

function sampleArea(pen, colour) {
  pen.fillStyle = colour;
  pen.globalAlpha = 0.28;
  pen.fillRect(0, 4, 44, 14);
  pen.globalAlpha = 1;
}

function sampleLine(pen, colour, dash, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(0, 9);
  pen.lineTo(44, 9);
  pen.stroke();
}

function tellLegend() {
  const box = element("legend");
  const table = make("table");
  for (const [name, draw] of SAMPLES) {
    const canvas = make("canvas", { width: 88, height: 36 });
    const pen = canvas.getContext("2d");
    pen.scale(2, 2);
    draw(pen);
    table.append(make("tr", {}, make("td", {}, canvas), make("td", { textContent: name })));
  }
  box.replaceChildren(make("h2", { textContent: "Legend" }), table);
}
