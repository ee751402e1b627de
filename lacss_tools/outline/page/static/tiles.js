// The pixels of the part on show, in tiles of the resolution that its zoom needs; coarser ones stand in until they come.
import { look, picture } from "./look.js";
import { getBytes } from "./server.js";

const AT_ONCE = 4; // requests
const KEPT = 96; // tiles of an image
const SHARP = 4; // screen pixels per image pixel from which single pixels are shown as squares
let waiting = [], under = 0;

// Draw what is there of the tiles in view and ask for the rest; `arrived` redraws.
export function drawTiles(context, field, place, arrived) {
  const top = field.levels - 1;
  const wanted = Math.min(top, Math.max(0, Math.floor(Math.log2(1 / place.scale) + 0.2)));
  const sharp = inView(context.canvas, field, place, wanted);
  waiting = sharp.filter((tile) => !ready(field, tile)).map((tile) => ({ field, ...tile }));
  if (!waiting.length) return drawKept(context, field, place, sharp);
  for (const level of new Set([top, Math.min(top, wanted + 2)])) {
    const coarse = inView(context.canvas, field, place, level);
    drawReady(context, field, place, coarse);
    if (level === top && level !== wanted) {
      waiting.unshift(...coarse.filter((tile) => !ready(field, tile)).map((tile) => ({ field, ...tile })));
    }
  }
  drawReady(context, field, place, sharp);
  fetchSome(arrived);
}

const kept = { canvas: document.createElement("canvas"), field: null, of: "" };

// Draw tiles that are all there: once for all frames in which only what lies over them changes.
function drawKept(context, field, place, tiles) {
  const { width, height } = context.canvas;
  const of = [place.scale, place.left, place.top, width, height, look.contrast, look.channel, look.nuclei].join();
  if (kept.field !== field || kept.of !== of) {
    Object.assign(kept.canvas, { width, height });
    drawReady(kept.canvas.getContext("2d"), field, place, tiles);
    Object.assign(kept, { field, of });
  }
  context.drawImage(kept.canvas, 0, 0);
}

function drawReady(context, field, place, tiles) {
  context.imageSmoothingEnabled = place.scale < SHARP;
  context.imageSmoothingQuality = "low";
  for (const tile of tiles) if (ready(field, tile)) draw(context, field, place, tile);
}

export const isComplete = () => !waiting.length && !under; // for whoever takes pictures of the page

function inView(canvas, field, place, level) {
  const side = field.tile * 2 ** level, found = []; // image pixels
  const first = (start) => Math.max(0, Math.floor(-start / place.scale / side));
  const last = (start, room, length) => Math.min(Math.ceil(length / side), Math.ceil((room - start) / place.scale / side));
  for (let row = first(place.top); row < last(place.top, canvas.height, field.height); row++) {
    for (let column = first(place.left); column < last(place.left, canvas.width, field.width); column++) {
      found.push({ level, row, column, key: `${level} ${row} ${column}` });
    }
  }
  return found;
}

function ready(field, { key }) {
  const tile = field.tiles.get(key);
  return tile && (!look.nuclei || !field.nuclei || tile.nuclei);
}

function draw(context, field, place, { key, level, row, column }) {
  const tile = field.tiles.get(key), by = 2 ** level, side = field.tile * by;
  field.tiles.delete(key);
  field.tiles.set(key, tile); // the least recently used come first
  const x = place.left + column * side * place.scale, y = place.top + row * side * place.scale;
  context.drawImage(picture(tile), x, y, tile.width * by * place.scale, tile.height * by * place.scale);
}

function fetchSome(arrived) {
  while (under < AT_ONCE && waiting.length) {
    const tile = waiting.shift();
    under++;
    fetchTile(tile).catch(() => {}).finally(() => {
      under--;
      arrived();
    });
  }
}

async function fetchTile({ field, key, level, row, column }) {
  const at = `${level}/${row}/${column}`, length = (all, k) => Math.min(field.tile, Math.ceil(all / 2 ** level) - k * field.tile);
  const width = length(field.width, column), height = length(field.height, row);
  let tile = field.tiles.get(key);
  if (!tile) {
    const pixels = await getBytes(`image/${field.k}/tile/${at}`);
    tile = { width, height, channels: field.channels, pixels, counts: field.counts, nuclei: null };
  }
  if (look.nuclei && field.nuclei && !tile.nuclei) {
    tile.nuclei = await getBytes(`image/${field.k}/nuclei/${at}`);
    tile.nucleiCounts = field.nucleiCounts;
  }
  field.tiles.set(key, tile);
  while (field.tiles.size > KEPT) field.tiles.delete(field.tiles.keys().next().value);
}
