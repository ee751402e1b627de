// The image on show as this window knows it: its cells, and what actions of this window or others change of them.
import { makeCell } from "./cells.js";
import { get } from "./server.js";

export async function loadField(k) {
  const told = await get(`image/${k}`);
  const [height, width] = told.size;
  const field = {
    ...told, k, width, height, step: 1, tiles: new Map(), nucleiCounts: null, changes: 0,
    cells: new Map(told.cells.map((cell) => [cell.n, makeCell(cell)])), doubts: [],
  };
  field.doubts = told.doubts.map(([n, weight, reason]) => ({ n, weight, reason }));
  return field;
}

export async function loadNucleiCounts(field) {
  if (field.nuclei) field.nucleiCounts ??= (await get(`image/${field.k}/nuclei`)).counts[0];
}

const isOpen = (cell) => cell?.by === "network" && !cell.ambiguous; // the person has not decided on it

export async function loadMask(field) {
  if (field.mask) field.area ??= makeCell({ n: 0, ...(await get(`image/${field.k}/mask`)) });
}

// Take over what an action changed.
export function update(field, changed) {
  const { version, state, undo, redo, count } = changed;
  Object.assign(field, { version, state, undo, redo, count });
  for (const n of changed.gone) field.cells.delete(n);
  for (const cell of changed.cells) field.cells.set(cell.n, makeCell(cell));
  field.doubts = field.doubts.filter(({ n }) => isOpen(field.cells.get(n)));
  field.changes++;
}
