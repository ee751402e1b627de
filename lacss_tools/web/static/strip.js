// All images as thumbnails with their state; one stop for the tab key, arrows move inside it.
import { $, element } from "./document.js";

let items = [], tell = null;

// `go(k)` shows image k; `told(k)` is what its thumbnail says: {badge, text, done, rejected}.
export function buildStrip(images, go, told) {
  tell = told;
  items = images.map((image, k) => {
    const img = element("img", "");
    Object.assign(img, { loading: "lazy", decoding: "async", fetchPriority: "low", alt: "" });
    img.onerror = () => (img.hidden = true); // of an image that cannot be read
    img.src = `api/image/${k}/thumbnail`;
    const button = element("button", "thumbnail", img, element("span", "badge"));
    button.onclick = () => go(k);
    button.tabIndex = -1;
    button.title = image.stem;
    return button;
  });
  $("strip").replaceChildren(...items);
  items.forEach((_, k) => showState(k));
}

// A letter or number tells the state, not only a colour.
export function showState(k) {
  const { badge, text, done, rejected } = tell(k), button = items[k];
  button.lastChild.textContent = badge;
  button.lastChild.hidden = !badge;
  button.classList.toggle("done", Boolean(done));
  button.classList.toggle("rejected", Boolean(rejected));
  button.setAttribute("aria-label", `${button.title}: ${text || "not decided"}`);
}

export function showCurrent(k) {
  for (const button of $("strip").querySelectorAll("[aria-current]")) {
    button.removeAttribute("aria-current");
    button.tabIndex = -1;
  }
  items[k].setAttribute("aria-current", "true");
  items[k].tabIndex = 0;
  const strip = $("strip"), middle = items[k].offsetLeft - strip.offsetLeft - (strip.clientWidth - items[k].offsetWidth) / 2;
  strip.scrollLeft = middle;
  if (strip.contains(document.activeElement)) items[k].focus({ preventScroll: true });
}
