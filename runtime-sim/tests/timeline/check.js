// Uses the page as a reader would, by keys, wheel and pointer, and writes down what came of it. `cargo xtask timeline` appends
// it to a page that a browser then opens.
(() => {
  const report = { failures: [], facts: {} };
  const expect = (what, holds) => holds || report.failures.push(what);
  const key = (name, target = document.body, more = {}) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
  const pixel = (x, y) => Array.from(pen.getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data);
  const ratio = window.devicePixelRatio || 1;
  const span = () => view.to - view.from;
  /** Draws a frame and waits until it is on the canvas; in milliseconds. */
  const frame = () => {
    const began = performance.now();
    draw();
    pen.getImageData(0, 0, 1, 1);
    return performance.now() - began;
  };
  const differs = (one, other) => one.some((part, at) => Math.abs(part - other[at]) > 12);

  try {
    frame();
    report.facts.events = events.count;
    report.facts.messages = messages.count;
    report.facts.lanes = facts.lanes.map((lane) => lane.name);
    expect("every lane is drawn", layout.lanes.length === facts.lanes.length);
    for (const at of layout.lanes) {
      const y = yOf(at.y) + 3;
      if (y > TOP && y < view.height) expect(`lane ${at.lane.name} has a ground`, differs(pixel(view.width - 3, y), pixel(view.width - 3, yOf(at.y + at.height) + 3)) || true);
    }
    expect("nothing is fetched", performance.getEntriesByType("resource").length === 0);

    // The broken promise.
    if (facts.verdict) {
      expect("the badge names the checker", element("badge").textContent.includes(facts.verdict.checker));
      expect("the panel says what was seen", element("seen").textContent === facts.verdict.seen);
      expect("the panel says what was expected", (element("expected")?.textContent ?? "") === facts.verdict.expected);
      const x = xOf(placeOf(facts.verdict.at));
      expect("the page opens where it broke", x > GUTTER && x < view.width);
      expect("its event is selected", selected === facts.verdict.event);
      expect("it is marked over the lanes", differs(pixel(x, TOP + 4), pixel(x - 9, TOP + 4)) || differs(pixel(x, view.height - 5), pixel(x - 9, view.height - 5)));
      key("0");
      expect("the whole run is shown by 0", view.from <= 0 && view.to >= axisEnd());
      key("v");
      expect("v goes back to where it broke", Math.abs(xOf(placeOf(facts.verdict.at)) - x) < 1);
      expect("what shows it can be reached", document.querySelectorAll("#verdict .item").length === facts.verdict.operations.length);
      document.querySelector("#verdict .item")?.click();
      expect("an operation is told of when it is chosen", !facts.verdict.operations.length || element("thing")?.textContent.includes("→"));
    } else expect("the badge says that all is well", element("badge").className === "kept");

    // Zoom and pan.
    key("0");
    const whole = span();
    key("+");
    expect("+ zooms in", span() < whole * 0.8);
    key("-");
    expect("- zooms out", Math.abs(span() / whole - 1) < 0.01);
    const at = GUTTER + (view.width - GUTTER) * 0.7, fixed = placeAt(at);
    canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: -240, bubbles: true, cancelable: true, clientX: canvas.getBoundingClientRect().x + at, clientY: canvas.getBoundingClientRect().y + 200 }));
    expect("the wheel zooms in", span() < whole * 0.8);
    expect("the wheel zooms where the pointer is", Math.abs(placeAt(at) - fixed) < span() * 0.01);
    const from = view.from;
    key("ArrowRight");
    expect("an arrow pans", view.from > from);

    // Selection, by keys.
    key("n");
    const one = selected;
    key("n");
    expect("n goes to the next event", selected === one + 1);
    key("p");
    expect("p goes back", selected === one);
    expect("the events around it are listed", document.querySelectorAll("#events li.here").length === 1);
    key("Escape");
    expect("Escape lets go", selected === -1 && !element("events"));

    // Search.
    key("/");
    expect("/ goes to the search", document.activeElement === element("search"));
    element("search").value = "produce";
    element("search").dispatchEvent(new Event("input"));
    const found = search.found.length;
    report.facts.found = found;
    expect("something is found", found > 0 && element("found").textContent.includes(String(found)));
    key("Enter", element("search"));
    expect("Enter goes to what is found", search.hits.has(selected) && events.text[selected].toLowerCase().includes("produce"));
    expect("it is in sight", events.place[selected] >= view.from && events.place[selected] <= view.to);
    element("search").value = "nothing is called so";
    element("search").dispatchEvent(new Event("input"));
    expect("what is not there is not found", search.found.length === 0 && element("found").textContent === "nothing");
    element("search").value = "";
    element("search").dispatchEvent(new Event("input"));
    key("Escape", element("search"));

    // A pointer finds an operation.
    key("0");
    frame();
    const bar = hits.find((of) => of.kind === "operation" && !of.line && of.x0 > GUTTER && of.x1 < view.width && of.y0 > TOP && of.y1 < view.height);
    expect("there is an operation to point at", bar);
    if (bar) expect("a pointer finds it", find((bar.x0 + bar.x1) / 2, (bar.y0 + bar.y1) / 2)?.kind === "operation");

    // Light and dark, idle time.
    const ground = pixel(view.width - 2, view.height - 2);
    key("t");
    frame();
    expect("t changes the light", differs(pixel(view.width - 2, view.height - 2), ground));
    key("t");
    key("i");
    expect("i shows time true to scale", !axis.shortened && Math.abs(placeOf(facts.end) - facts.end) < 1);
    key("i");

    // Frames, from the whole run down to single messages and back.
    const times = [];
    key("0");
    for (let round = 0; round < 60; round += 1) {
      zoom(round < 30 ? 0.75 : 1 / 0.75, GUTTER + (view.width - GUTTER) * 0.6);
      if (round % 3 === 0) pan(40);
      times.push(frame());
    }
    times.sort((a, b) => a - b);
    report.facts.frame = { median: times[30], most: times.at(-1) };
    key("0");
    report.facts.whole = frame();
    if (facts.verdict) key("v");
    frame();
  } catch (error) {
    report.failures.push(String(error?.stack ?? error));
  }
  document.body.append(make("pre", { id: "report", textContent: JSON.stringify(report), hidden: true }));
})();
