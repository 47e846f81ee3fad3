// Colours by name, from the style sheet, and the shapes that say the same to whoever does not tell colours apart.

const colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["page", "panel", "line", "text", "quiet", "lane", "lane-other", "accent", "done", "failed", "unknown", "open",
    "request", "response", "lost", "serving", "booting", "stopping", "down", "down-text", "fault", "fault-fill", "broken",
    "broken-fill", "log-end", "log-visible", "log-flushed", "log-start", "found", "selected"]) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
  patterns.clear();
}

const patterns = new Map();

/** Stripes in a colour, for what is faulty, starting or gone. */
function stripes(pen, colour, step = 7) {
  const key = `${colour}/${step}`;
  if (!patterns.has(key)) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = step;
    const on = tile.getContext("2d");
    on.strokeStyle = colour;
    on.lineWidth = 1.2;
    on.beginPath();
    for (const shift of [-step, 0, step]) {
      on.moveTo(shift, step);
      on.lineTo(shift + step, 0);
    }
    on.stroke();
    patterns.set(key, pen.createPattern(tile, "repeat"));
  }
  return patterns.get(key);
}

/** A small shape around a point. */
function glyph(pen, shape, x, y, size, colour) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.8;
  pen.beginPath();
  switch (shape) {
    case "cross":
      pen.moveTo(x - size, y - size);
      pen.lineTo(x + size, y + size);
      pen.moveTo(x + size, y - size);
      pen.lineTo(x - size, y + size);
      pen.stroke();
      break;
    case "triangle":
      pen.moveTo(x, y + size);
      pen.lineTo(x - size, y - size);
      pen.lineTo(x + size, y - size);
      pen.closePath();
      pen.fill();
      break;
    case "bolt":
      pen.moveTo(x + size * 0.3, y - size * 1.3);
      pen.lineTo(x - size * 0.8, y + size * 0.2);
      pen.lineTo(x, y + size * 0.2);
      pen.lineTo(x - size * 0.3, y + size * 1.3);
      pen.lineTo(x + size * 0.8, y - size * 0.2);
      pen.lineTo(x, y - size * 0.2);
      pen.closePath();
      pen.fill();
      break;
    case "ring":
      pen.arc(x, y, size, 0, 7);
      pen.stroke();
      break;
    case "dot":
      pen.arc(x, y, size, 0, 7);
      pen.fill();
      break;
    case "diamond":
      pen.moveTo(x, y - size);
      pen.lineTo(x + size, y);
      pen.lineTo(x, y + size);
      pen.lineTo(x - size, y);
      pen.closePath();
      pen.fill();
      break;
  }
}

/** Text that stays within a width. */
function clipped(pen, text, x, y, width) {
  if (width < 18) return;
  const letters = Math.floor(width / 6.2);
  pen.fillText(text.length > letters ? `${text.slice(0, Math.max(letters - 1, 1))}…` : text, x, y);
}
