// Where one is, how fast it goes, and how long it will take.
import { $, isDone, page, stateText } from "./page.js";

const PAUSE = 60_000; // milliseconds; a longer gap between two decisions was a break, not work
const RECENT = 30;
const gaps = [];
let last = performance.now();

export function countDecision() {
  const now = performance.now();
  if (now - last < PAUSE) gaps.push(now - last);
  if (gaps.length > RECENT) gaps.shift();
  last = now;
}

function pace(left) {
  if (gaps.length < 3) return "";
  const each = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length, minutes = (each * left) / 60_000;
  const perMinute = Math.round(60_000 / each);
  const rest = minutes < 1 ? "under a minute left" : `about ${Math.round(minutes)} min left`;
  return left ? `${perMinute} per min · ${rest}` : `${perMinute} per min`;
}

export function showProgress() {
  const image = page.images[page.at], done = page.images.filter(isDone).length, left = page.images.length - done;
  $("stem").textContent = $("stem").title = image.stem;
  $("state").textContent = stateText(image);
  $("where").textContent = `image ${page.at + 1} of ${page.images.length}`;
  $("done").textContent = `${done} done · ${left} left`;
  $("rate").textContent = pace(left);
  $("bar").max = page.images.length;
  $("bar").value = done;
  document.title = left ? `${left} left · lacss pick` : "all decided · lacss pick";
}
