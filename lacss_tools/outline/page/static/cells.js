// Cells as paths: what lies under the pointer, and drawing them, thousands of them too.
import { look } from "./look.js";

export const COLOURS = { network: "#ffb000", person: "#56b4e9", ambiguous: "#e78ac3" };
const KINDS = Object.keys(COLOURS);
const HALO = "rgb(0 0 0 / .6)";
const MANY = 250; // cells in view, beyond which a picture of them is moved while the view moves
const BLOCK = 512; // image pixels: cells are joined to one path by blocks of this side
const probe = document.createElement("canvas").getContext("2d");

// How much thicker lines are than a pixel of the screen: more on dense and on very large screens.
export function thickness(canvas) {
  const ratio = window.devicePixelRatio || 1;
  return ratio * Math.min(2, Math.max(1, canvas.height / ratio / 900));
}

// A cell of the server with its path in pixels of the image, edges at whole numbers, and its box.
export function makeCell(told) {
  const path = new Path2D(), [top, left] = told.at, box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const points of told.paths) {
    for (let i = 0; i < points.length; i += 2) {
      const y = top + points[i] / 2, x = left + points[i + 1] / 2;
      if (i) path.lineTo(x, y);
      else path.moveTo(x, y);
      box[0] = Math.min(box[0], y);
      box[1] = Math.min(box[1], x);
      box[2] = Math.max(box[2], y);
      box[3] = Math.max(box[3], x);
    }
    path.closePath();
  }
  return { n: told.n, score: told.score, by: told.by, ambiguous: told.ambiguous, path, box };
}

// Return the number of the cell at a point (in image pixels, edges at whole numbers), 0 for none.
export function cellAt(field, { x, y }) {
  for (const cell of field.cells.values()) {
    const [y0, x0, y1, x1] = cell.box;
    if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && probe.isPointInPath(cell.path, x, y, "evenodd")) return cell.n;
  }
  return 0;
}

// ---- drawing ----

// Paths of many cells joined by block and kind of line, made anew when cells have changed.
function blocks(field) {
  if (field.blocks?.changes === field.changes) return field.blocks.all;
  const all = new Map();
  for (const cell of field.cells.values()) {
    const row = Math.floor(cell.box[0] / BLOCK), column = Math.floor(cell.box[1] / BLOCK), key = `${row} ${column}`;
    if (!all.has(key)) all.set(key, { box: [...cell.box], count: 0, paths: Object.fromEntries(KINDS.map((kind) => [kind, new Path2D()])) });
    const block = all.get(key);
    block.count++;
    block.box = [Math.min(block.box[0], cell.box[0]), Math.min(block.box[1], cell.box[1]),
      Math.max(block.box[2], cell.box[2]), Math.max(block.box[3], cell.box[3])];
    block.paths[cell.ambiguous ? "ambiguous" : cell.by].addPath(cell.path);
  }
  field.blocks = { changes: field.changes, all: [...all.values()] };
  return field.blocks.all;
}

const kept = { canvas: document.createElement("canvas"), place: null, of: "" };

// Draw the outlines on a canvas of the same size as the view; while `moving`, a picture of many is moved in their place.
export function drawCells(context, field, place, moving) {
  if (look.hidden) return;
  const { canvas } = context, ratio = thickness(canvas);
  const seen = blocks(field).filter(({ box: [y0, x0, y1, x1] }) => place.left + x1 * place.scale > 0
    && place.top + y1 * place.scale > 0 && place.left + x0 * place.scale < canvas.width && place.top + y0 * place.scale < canvas.height);
  const count = seen.reduce((sum, block) => sum + block.count, 0);
  if (count <= MANY) return paint(context, seen, place, ratio);
  const of = `${field.k} ${field.changes} ${look.filled} ${canvas.width} ${canvas.height}`;
  const same = kept.of === of && kept.place;
  const still = same && ["scale", "left", "top"].every((name) => kept.place[name] === place[name]);
  if (!still && !(moving && same)) {
    Object.assign(kept.canvas, { width: canvas.width, height: canvas.height });
    paint(kept.canvas.getContext("2d"), seen, place, ratio);
    Object.assign(kept, { of, place: { ...place } });
  }
  const grown = place.scale / kept.place.scale;
  context.drawImage(kept.canvas, place.left - kept.place.left * grown, place.top - kept.place.top * grown,
    canvas.width * grown, canvas.height * grown);
}

function paint(context, seen, place, ratio) {
  context.save();
  context.setTransform(place.scale, 0, 0, place.scale, place.left, place.top);
  context.lineJoin = "round";
  const thin = place.scale < 0.4;
  for (const { paths } of seen) {
    for (const kind of KINDS) {
      if (look.filled) {
        context.globalAlpha = 0.28;
        context.fillStyle = COLOURS[kind];
        context.fill(paths[kind], "evenodd");
        context.globalAlpha = 1;
      }
      if (!thin) stroke(context, paths[kind], HALO, (3.2 * ratio) / place.scale);
      if (kind === "ambiguous") context.setLineDash([(1.5 * ratio) / place.scale, (3 * ratio) / place.scale]);
      stroke(context, paths[kind], COLOURS[kind], (1.5 * ratio) / place.scale);
      context.setLineDash([]);
    }
  }
  context.restore();
}

function stroke(context, path, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}

// The selected cell: a white line with a dark rim, and filled a little, so that it is told apart without colours.
export function drawSelected(context, cell, place) {
  onImage(context, place, (width) => {
    context.fillStyle = "rgb(255 255 255 / .16)";
    context.fill(cell.path, "evenodd");
    stroke(context, cell.path, "#000", width(5));
    stroke(context, cell.path, "#fff", width(2.4));
  });
}

// The cell area as the mask has it.
export function drawArea(context, area, place) {
  onImage(context, place, (width) => {
    stroke(context, area.path, "#000", width(3));
    stroke(context, area.path, "#009e73", width(1.6));
  });
}

// What a click would draw: dashes.
export function drawPreview(context, cell, place) {
  onImage(context, place, (width) => {
    stroke(context, cell.path, HALO, width(3.4));
    context.setLineDash([width(5), width(4)]);
    stroke(context, cell.path, "#fff", width(1.6));
  });
}

// Draw in pixels of the image; `width` makes them of pixels of the screen.
function onImage(context, place, draw) {
  const ratio = thickness(context.canvas);
  context.save();
  context.setTransform(place.scale, 0, 0, place.scale, place.left, place.top);
  draw((pixels) => (pixels * ratio) / place.scale);
  context.restore();
}
