"use strict";
// What the page draws: the facts of the run in flat arrays, and the axis on which they lie.
//
// The axis is not time itself: where nothing happens for long, it is shortened, so that two milliseconds of action beside a
// second of waiting can be read. All places on it are computed once; drawing is linear.

const facts = JSON.parse(document.getElementById("data").textContent);

/** From where on nothing happening counts as idle, in microseconds. */
const IDLE_MICROS = 4000;

const events = {
  count: facts.events.at.length,
  at: Float64Array.from(facts.events.at),
  lane: Int32Array.from(facts.events.lane),
  sign: facts.events.sign,
  text: facts.events.text,
  place: new Float64Array(facts.events.at.length),
};

const messages = {
  count: facts.messages.length,
  client: Int32Array.from(facts.messages, (of) => of[0]),
  node: Int32Array.from(facts.messages, (of) => of[1]),
  /** Asked, came, answered, taken; -1 where it did not get there. */
  at: Float64Array.from(facts.messages.flatMap((of) => of.slice(2, 6))),
  place: new Float64Array(facts.messages.length * 4),
  what: facts.messages.map((of) => of[6]),
  event: Int32Array.from(facts.messages, (of) => of[7]),
};

const OUTCOMES = ["done", "failed", "unknown", "open"];

const operations = facts.operations.map(([lane, began, ended, outcome, what, result, event], id) => ({
  id, lane, began, ended, outcome: OUTCOMES[outcome], what, result, event, row: 0, follower: null, from: 0, to: 0,
  partition: /^produce (\S+)/.exec(what)?.[1] ?? null,
  acknowledged: /^acknowledged at offset (\d+)/.exec(result)?.[1] ?? null,
  records: Number(/^produce \S+ \S+ \+(\d+)/.exec(what)?.[1] ?? 0) + 1,
  broken: facts.verdict?.operations.includes(id) ?? false,
}));

const faults = facts.faults.map(([lane, from, to, kind, text, event]) => ({ lane, at: from, until: to, kind, text, event, from: 0, to: 0 }));

const states = facts.states.map(([lane, from, to, state]) => ({ lane, at: from, until: to < 0 ? facts.end : to, state, from: 0, to: 0 }));

const logs = facts.logs.map((log) => ({
  name: log.name, node: log.node,
  points: log.points.map(([at, event, start, flushed, visible, end, serves]) =>
    ({ at, event, start, flushed, visible, end, serves: serves === 1, place: 0 })),
  falls: log.falls.map(([point, from, to]) => ({ point, from, to })),
}));

const groups = facts.groups.map((group) => ({
  name: group.name, node: group.node,
  points: group.points.map(([at, event, text]) => ({ at, event, text, place: 0 })),
}));

/** The axis: knees at which its scale changes, in time and in place. */
const axis = { times: [0], places: [0], idles: [], shortened: true };

function buildAxis(shortened) {
  axis.shortened = shortened;
  axis.times = [0];
  axis.places = [0];
  axis.idles = [];
  if (shortened) {
    let last = 0, place = 0, knee = 0;
    const step = (at) => {
      const idle = at - last;
      if (idle > IDLE_MICROS) {
        place += last - knee;
        axis.times.push(last);
        axis.places.push(place);
        const before = place;
        place += IDLE_MICROS * (0.5 + 0.25 * Math.log(idle / IDLE_MICROS));
        axis.times.push(at);
        axis.places.push(place);
        axis.idles.push({ from: before, to: place, micros: idle });
        knee = at;
      }
      last = at;
    };
    for (let event = 0; event < events.count; event += 1) step(events.at[event]);
    place += last - knee;
    axis.times.push(last);
    axis.places.push(place);
  } else {
    axis.times.push(facts.end);
    axis.places.push(facts.end);
  }
  for (let event = 0; event < events.count; event += 1) events.place[event] = placeOf(events.at[event]);
  for (let leg = 0; leg < messages.at.length; leg += 1) messages.place[leg] = messages.at[leg] < 0 ? -1 : placeOf(messages.at[leg]);
  for (const of of operations) [of.from, of.to] = [placeOf(of.began), placeOf(of.ended < 0 ? facts.end : of.ended)];
  for (const of of [...faults, ...states]) [of.from, of.to] = [placeOf(of.at), placeOf(of.until)];
  for (const of of [...logs, ...groups]) for (const point of of.points) point.place = placeOf(point.at);
}

/** The last place in an ordered list at or before a value. */
function lastBefore(list, value) {
  let low = 0, high = list.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

function between(from, to, value) {
  const knee = Math.min(lastBefore(from, value), from.length - 2);
  const span = from[knee + 1] - from[knee];
  return span > 0 ? to[knee] + ((value - from[knee]) / span) * (to[knee + 1] - to[knee]) : to[knee];
}

/** Where a moment lies on the axis. */
function placeOf(time) {
  return between(axis.times, axis.places, time);
}

/** The moment that lies at a place. */
function timeOf(place) {
  return between(axis.places, axis.times, place);
}

function tellTime(micros) {
  return `${(micros / 1e6).toFixed(6)} s`;
}

function tellSpan(micros) {
  if (micros >= 1e6) return `${(micros / 1e6).toFixed(micros >= 1e7 ? 0 : 2)} s`;
  return micros >= 1000 ? `${(micros / 1000).toFixed(micros >= 1e5 ? 0 : 1)} ms` : `${Math.round(micros)} µs`;
}

/** Gives operations of one lane that overlap rows of their own, and each the one that follows it in its row. */
function packRows() {
  const free = facts.lanes.map(() => []), newest = facts.lanes.map(() => []);
  for (const of of [...operations].sort((one, other) => one.began - other.began)) {
    const rows = free[of.lane];
    const ended = of.ended < 0 ? Infinity : of.ended;
    let row = rows.findIndex((until) => until <= of.began);
    if (row < 0) row = rows.length < 6 ? rows.length : 5;
    rows[row] = Math.max(ended, rows[row] ?? 0);
    of.row = row;
    if (newest[of.lane][row]) newest[of.lane][row].follower = of;
    newest[of.lane][row] = of;
  }
  return free.map((rows) => Math.max(rows.length, 1));
}

const rowsOfLanes = packRows();
buildAxis(true);
