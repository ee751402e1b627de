// Repair of one image: a threshold in between, a brush, points. Nothing is saved before the person says so.
import { copyLayer, paintLine, paintStroke } from "./brush.js";
import { candidateLayer } from "./fields.js";
import { getBytes } from "./server.js";

const NEAR = 9; // image pixels, at least: a click this close to a point means that point
const RADII = [1.5, 2.5, 4, 6, 9, 13, 18, 25, 35, 50];

export const repair = {
  active: false,
  tool: "add", // add, erase or points
  size: 3, // of RADII
  layer: null, // the mask as it would be saved
  cursor: null, // where the brush is: {x, y} in field pixels, radius in image pixels
  onChange: () => {},
  onError: () => {},
};

let field = null, base = null, start = null, steps = [], stroke = null, skipped = null, cutting = null, wantedCut = null;

// `from` is a candidate number, or null for the mask on disk.
export function beginRepair(onField, from) {
  field = onField;
  base = from;
  start = copyLayer(from === null ? field.saved : candidateLayer(field, from), field);
  steps = [];
  Object.assign(repair, { active: true, cursor: null });
  rebuild();
}

export function endRepair() {
  repair.active = false;
  field = stroke = wantedCut = null;
}

export const isChanged = () => steps.length > 0 || (typeof base === "number" && !Number.isInteger(base));

export function repairBody() {
  const strokes = steps.filter((step) => step.stroke).map((step) => step.stroke);
  const removed = steps.filter((step) => step.removed !== undefined).map((step) => step.removed);
  return { base, strokes, removed, added: steps.filter((step) => step.added).map((step) => step.added) };
}

export function undoStep() {
  if (!steps.length) return false;
  steps.pop();
  rebuild();
  return true;
}

repair.title = () => {
  const from = base === null ? "the saved mask" : Number.isInteger(base) ? `candidate ${base}` : `cut at ${base.toFixed(3)}`;
  return `repair: ${from}${steps.length ? ` and ${steps.length} ${steps.length === 1 ? "change" : "changes"}` : ""}`;
};

repair.dots = () => {
  const gone = new Set(steps.map((step) => step.removed));
  return [...field.lois.filter((_, row) => !gone.has(row)), ...steps.filter((step) => step.added).map((step) => step.added)];
};

function rebuild() {
  const mask = start.slice();
  for (const step of steps) if (step.stroke) paintStroke(mask, field, step.stroke);
  repair.layer = { data: mask, offset: 0, bit: 0 };
  repair.onChange();
}

// ---- another threshold: one request at a time, always for the latest value ----

export function thresholdRange({ thresholds }) {
  const first = thresholds[0], last = thresholds.at(-1), room = Math.max(0.03, (last - first) / 2);
  return [Math.max(0.005, first - room), Math.min(0.995, last + room)];
}

export function currentThreshold() {
  return Number.isInteger(base) ? field.thresholds[base - 1] : base;
}

export async function cutAt(threshold) {
  wantedCut = threshold;
  while (!cutting && wantedCut !== null && field) {
    const value = wantedCut, on = field;
    wantedCut = null;
    cutting = getBytes(`image/${on.k}/cut?threshold=${value}`);
    try {
      const mask = await cutting;
      if (on === field) {
        [start, base] = [mask, value];
        rebuild();
      }
    } catch (error) {
      repair.onError(error);
    } finally {
      cutting = null;
    }
  }
}

export const isCutting = () => Boolean(cutting) || wantedCut !== null;

// ---- tools ----

export function setTool(tool) {
  repair.tool = tool;
  moveCursor(repair.cursor);
}

export function resizeBrush(by) {
  repair.size = Math.min(RADII.length - 1, Math.max(0, repair.size + by));
  moveCursor(repair.cursor);
}

export function moveCursor(place) {
  const radius = repair.tool === "points" ? 0 : RADII[repair.size];
  repair.cursor = place && { x: place.x, y: place.y, radius, erase: repair.tool === "erase" };
  repair.onChange();
}

// Field pixels have their edges at whole numbers, image coordinates their centres.
const toImage = ({ x, y }) => [y, x].map((value) => Math.round((value * field.step - 0.5) * 100) / 100);

function togglePoint(place) {
  const [y, x] = toImage(place), distance = ([py, px]) => Math.hypot(py - y, px - x);
  const gone = new Set(steps.map((step) => step.removed));
  const near = field.lois.map((point, row) => [gone.has(row) ? Infinity : distance(point), row]).sort((a, b) => a[0] - b[0])[0];
  const mine = steps.findIndex((step) => step.added && distance(step.added) < NEAR);
  if (mine >= 0) steps.splice(mine, 1);
  else if (near && near[0] < NEAR) steps.push({ removed: near[1] });
  else if (y >= 0 && x >= 0 && y <= field.size[0] - 1 && x <= field.size[1] - 1) steps.push({ added: [y, x] });
  repair.onChange();
}

function extend(next) {
  paintLine(repair.layer.data, field, stroke.points.at(-1), next, stroke);
  stroke.points.push(next);
  repair.onChange();
}

repair.brush = {
  begin(place) {
    if (!repair.active) return false;
    if (repair.tool === "points") {
      togglePoint(place);
      return true;
    }
    skipped = null;
    stroke = { points: [toImage(place)], radius: RADII[repair.size], erase: repair.tool === "erase" };
    steps.push({ stroke });
    paintStroke(repair.layer.data, field, stroke);
    repair.onChange();
    return true;
  },
  move(place) {
    if (!stroke) return;
    const next = toImage(place), before = stroke.points.at(-1);
    skipped = null;
    if (Math.hypot(next[0] - before[0], next[1] - before[1]) < Math.max(0.5, stroke.radius / 4)) skipped = next;
    else extend(next);
  },
  end() {
    if (stroke && skipped) extend(skipped); // the stroke ends where the hand stopped
    stroke = skipped = null;
  },
  cancel() {
    if (stroke) undoStep();
    stroke = null;
  },
  hover(place) {
    if (repair.active) moveCursor(place);
  },
};
