// Where one is, how fast it goes, and how long it will take.
import { $ } from "./document.js";
import { pace } from "./pace.js";
import { isDone, page, stateText } from "./page.js";

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
