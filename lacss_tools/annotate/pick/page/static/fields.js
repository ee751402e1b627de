// Images as this window knows them: loaded once, the last few kept, the next ones fetched ahead.
import { getBytes } from "./server.js";

const KEPT = 8;
const fields = new Map(); // image number -> promise of a field, least recently used first

// One answer holds everything: the length of the details (4 bytes), the details as JSON, pixels, candidates.
async function fetchField(k) {
  const bytes = await getBytes(`image/${k}`);
  const end = 4 + new DataView(bytes.buffer).getUint32(0);
  const details = JSON.parse(new TextDecoder().decode(bytes.subarray(4, end)));
  const [height, width] = details.shown, pixels = details.channels * height * width;
  return {
    ...details, k, width, height, nuclei: null, saved: null,
    pixels: bytes.subarray(end, end + pixels), candidates: bytes.subarray(end + pixels),
  };
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

// Two at a time: while one is on its way, the server prepares the other.
export async function fetchAhead(numbers, wanted) {
  await Promise.allSettled(numbers.slice(0, 2).map(load));
  for (const k of numbers.slice(2)) if (wanted()) await load(k).catch(() => null);
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
