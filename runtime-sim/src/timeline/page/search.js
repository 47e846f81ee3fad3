// Search over the lines of all events.

const search = { text: "", found: [], hits: new Set(), at: -1 };

function runSearch(text) {
  search.text = text.trim().toLowerCase();
  search.found = [];
  if (search.text) {
    for (let event = 0; event < events.count; event += 1) {
      const lane = events.lane[event] < 0 ? "w" : facts.lanes[events.lane[event]].name;
      if (`${lane} ${events.text[event]}`.toLowerCase().includes(search.text)) search.found.push(event);
    }
  }
  search.hits = new Set(search.found);
  // From where the view is on.
  search.at = search.found.findIndex((event) => events.place[event] >= view.from) - 1;
  tellSearch();
  redraw();
}

function tellSearch() {
  const here = search.found.indexOf(selected);
  const count = search.found.length;
  element("found").textContent = !search.text ? "" : count === 0 ? "nothing" : here >= 0 ? `${here + 1} of ${count}` : `${count} found`;
}

function nextFound(step) {
  const count = search.found.length;
  if (count === 0) return;
  search.at = (((search.at + step) % count) + count) % count;
  go(search.found[search.at]);
  tellSearch();
}

/** Ticks on the ruler where something was found. */
function drawFound(pen) {
  let last = -1;
  pen.fillStyle = colours.found;
  for (const event of search.found) {
    if (events.place[event] < view.from || events.place[event] > view.to) continue;
    const x = Math.round(xOf(events.place[event]));
    if (x === last) continue;
    last = x;
    pen.fillRect(x, TOP - 9, 2, 9);
    const lane = events.lane[event];
    if (lane >= 0) {
      const at = layout.lanes[lane];
      pen.globalAlpha = 0.5;
      pen.fillRect(x, yOf(at.y), 2, at.height);
      pen.globalAlpha = 1;
    }
  }
}
