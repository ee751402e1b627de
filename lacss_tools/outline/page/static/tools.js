// The tool in hand: what pointer and keyboard draw, and the action that comes of it.
import { cellAt, makeCell } from "./cells.js";
import { page } from "./page.js";
import { get } from "./server.js";

const RADII = [1, 1.5, 2.5, 4, 6, 9, 13, 18, 25, 35, 50];
const BRUSHES = new Set(["brush", "erase", "border"]);
const DRAGS = new Set([...BRUSHES, "lasso", "split", "merge"]);
const CLOSE = 8; // screen pixels: a click so near to the first corner closes a polygon

export const hand = {
  draft: null, // the line that is being drawn: {points, radius, erase, open}
  cursor: null, // where the pointer is, in image pixels with edges at whole numbers
  preview: null, // the cell that a click would draw
  size: 4, // of RADII
  modifiers: { shift: false, alt: false, pan: false },
  act: () => {}, // does an action: set by main.js, as are the next two
  select: () => {},
  changed: () => {},
  radius: () => (BRUSHES.has(page.tool) ? RADII[hand.size] : 0),
};

// Points of the page have pixel edges at whole numbers; image coordinates have their centres there.
const toImage = ({ x, y }) => [y, x].map((value) => Math.round((value - 0.5) * 100) / 100);
const path = (points) => points.map(toImage);

export function setTool(tool) {
  Object.assign(page, { tool });
  Object.assign(hand, { draft: null, preview: null });
  hand.changed();
}

export function resize(by) {
  hand.size = Math.min(RADII.length - 1, Math.max(0, hand.size + by));
  hand.changed();
}

export function cancel() {
  const had = Boolean(hand.draft);
  Object.assign(hand, { draft: null, preview: null });
  hand.changed();
  return had;
}

// ---- clicks ----

// A click of the pointer, or the space bar at the cursor.
export function click(place, twice, scale) {
  const { field } = page, at = cellAt(field, place);
  if (page.tool === "polygon") return corner(place, twice, scale);
  if (page.tool === "merge" && page.selected && at && at !== page.selected) return merge(page.selected, at);
  if (page.tool !== "click") return at !== page.selected && hand.select(at);
  const { shift, alt } = hand.modifiers, points = path([place]);
  if (alt) {
    const number = page.selected || at;
    return number && hand.act({ action: "click", number, points, take: true });
  }
  if (page.selected && (shift || at === page.selected)) return hand.act({ action: "click", number: page.selected, points });
  if (at) return hand.select(at);
  if (!page.model) return hand.select(0);
  return hand.act({ action: "click", number: 0, points });
}

function corner(place, twice, scale) {
  const draft = (hand.draft ??= { points: [], radius: 0, open: true }), [first] = draft.points;
  const near = first && Math.hypot(first.x - place.x, first.y - place.y) * scale < CLOSE && draft.points.length > 2;
  if (near || (twice && draft.points.length > 2)) return closePolygon();
  if (!twice) draft.points.push({ x: place.x, y: place.y });
  hand.changed();
}

export function closePolygon() {
  const { draft } = hand;
  if (!draft?.open) return false;
  hand.draft = null;
  if (draft.points.length > 2) hand.act({ action: "polygon", points: path(draft.points) });
  hand.changed();
  return true;
}

export function takeCornerBack() {
  if (!hand.draft?.open) return false;
  hand.draft.points.pop();
  if (!hand.draft.points.length) hand.draft = null;
  hand.changed();
  return true;
}

const merge = (number, other) => hand.act({ action: "merge", number, other });

// ---- drags ----

export const brush = {
  begin(place) {
    const { tool, field } = page;
    if (!DRAGS.has(tool) || hand.modifiers.pan) return false;
    const at = cellAt(field, place);
    if ((tool === "border" || tool === "erase") && !page.selected) hand.select(at);
    // dragging a border: pushed outwards from inside the cell, inwards from outside of it
    const erase = tool === "erase" || (tool === "border" && at !== page.selected);
    hand.draft = { points: [{ x: place.x, y: place.y }], radius: hand.radius(), erase, open: false };
    hand.changed();
    return true;
  },
  move(place) {
    const { draft } = hand, last = draft?.points.at(-1);
    if (!draft || Math.hypot(place.x - last.x, place.y - last.y) < Math.max(0.4, draft.radius / 5)) return;
    draft.points.push({ x: place.x, y: place.y });
    hand.changed();
  },
  end() {
    const { draft } = hand;
    hand.draft = null;
    if (draft) finishDrag(draft);
    hand.changed();
  },
  cancel() {
    hand.draft = null;
    hand.changed();
  },
  hover(place) {
    hand.cursor = place;
    if (page.tool === "click") lookAhead(place);
    hand.changed();
  },
};

function finishDrag({ points, radius, erase }) {
  const { tool, field, selected } = page, line = path(points), still = points.length < 2;
  if (tool === "brush" || tool === "border" || tool === "erase") {
    return hand.act({ action: erase ? "erase" : "brush", number: selected, points: line, radius });
  }
  const first = cellAt(field, points[0]), last = cellAt(field, points.at(-1));
  if (tool === "merge" && first && last && first !== last) return merge(first, last);
  if (still || tool === "merge") return click(points[0], false, 1);
  if (tool === "lasso") return line.length > 2 && hand.act({ action: "polygon", points: line });
  return hand.act({ action: "split", number: 0, points: line });
}

// ---- what a click would draw: one request at a time, always for the latest place ----

let wanted = null, asking = false;

async function lookAhead(place) {
  wanted = place;
  if (!page.model || !place?.inside || cellAt(page.field, place)) {
    hand.preview = wanted = null;
    return;
  }
  while (!asking && wanted) {
    const [y, x] = toImage(wanted), { field } = page;
    wanted = null;
    asking = true;
    try {
      const { paths, at, score } = await get(`image/${field.k}/preview?y=${y}&x=${x}`);
      const current = field === page.field && page.tool === "click" && hand.cursor?.inside;
      hand.preview = current && paths.length && !cellAt(field, hand.cursor)
        ? makeCell({ n: 0, at, paths, score, by: "network" }) : null;
    } catch {
      hand.preview = null; // a click will say what is wrong
    } finally {
      asking = false;
      hand.changed();
    }
  }
}
