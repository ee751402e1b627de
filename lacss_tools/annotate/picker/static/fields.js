// Images as this window knows them: loaded once, the last few kept, the next ones fetched ahead.
import { get, getBytes } from "./server.js";

const KEPT = 8;
const AHEAD = 3;
const fields = new Map(); // image number -> promise of a field, least recently used first

async function fetchField(k) {
  const [details, pixels, candidates] = await Promise.all([
    get(`image/${k}`), getBytes(`image/${k}/pixels`), getBytes(`image/${k}/candidates`),
  ]);
  const [height, width] = details.shown;
  return { ...details, k, pixels, candidates, width, height, nuclei: null, saved: null };
}

export function load(k) {
  let found = fields.get(k);
  if (!found) {
    found = fetchField(k);
    found.catch(() => fields.get(k) === found && fields.delete(k));
  }
  fields.delete(k);
  fields.set(k, found);
  while (fields.size > KEPT) fields.delete(fields.keys().next().value);
  return found;
}

export function forget(k) {
  fields.delete(k);
}

// One after the other, so that the image asked for never waits behind all of them.
export async function fetchAhead(numbers, wanted) {
  for (const k of numbers.slice(0, AHEAD)) {
    if (!wanted()) return;
    await load(k).catch(() => null);
  }
}

export async function loadNuclei(field) {
  if (field.dapi && !field.nuclei) field.nuclei = await getBytes(`image/${field.k}/dapi`);
}

// The mask on disk, where it is none of the candidates: repaired, or made elsewhere.
export async function loadSaved(field, state) {
  const special = state.choice === "own" || Boolean(state.edited);
  if (!special) field.saved = null;
  else if (field.saved?.version !== state.version) {
    field.saved = { data: await getBytes(`image/${field.k}/mask`), offset: 0, bit: 0, version: state.version };
  }
}

// Where candidate n (from 1) lies in the bytes of a field.
export function candidateLayer(field, n) {
  const k = n - 1;
  return { data: field.candidates, offset: (k >> 3) * field.width * field.height, bit: k & 7 };
}
