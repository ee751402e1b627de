"use strict";
// The page holds no truth of its own: after each action it shows the state that the server has on disk.
const $ = (id) => document.getElementById(id);
const details = new Map();
const began = Date.now();
let images = [];
let at = 0; // the image asked for
let visible = -1; // the image on show: keys choose only for what can be seen
let busy = false;
let made = 0;

// ---- talking to the server ----

async function ask(path, body) {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch("api/" + path, body === undefined ? {} : post);
  } catch {
    throw new Error("the picker has ended; run lacss pick again and open its new address");
  }
  const answer = await response.json().catch(() => ({ error: `${response.status} ${response.statusText}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const url = (k, layer, size) => `api/image/${k}/${layer}/${size}.png`;
const preferred = (k, d) => Number(images[k].choice) || d.suggestion;

function load(k) {
  if (!details.has(k)) {
    details.set(k, ask(`image/${k}`));
    details.get(k).catch(() => details.delete(k));
  }
  return details.get(k);
}

// Fetch what the next images need, so that they appear at once.
async function fetchAhead() {
  for (const k of [at + 1, at + 2].filter((k) => k < images.length)) {
    const d = await load(k).catch(() => null);
    if (!d) continue;
    new Image().src = url(k, 0, "large");
    new Image().src = url(k, preferred(k, d), "large");
    for (let layer = 0; layer <= d.areas.length; layer++) new Image().src = url(k, layer, "small");
  }
}

// ---- drawing ----

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

function picture(address) {
  const img = element("img", "");
  img.src = address;
  img.alt = "";
  return img;
}

function dots(d, share) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `-0.5 -0.5 ${d.size[1]} ${d.size[0]}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const radius = Math.max(...d.size) * share;
  for (const [y, x] of d.lois) {
    const dot = document.createElementNS(svg.namespaceURI, "circle");
    const look = { cx: x, cy: y, r: radius, fill: "#56b4e9", stroke: "#000", "stroke-width": radius / 4 };
    for (const [name, value] of Object.entries(look)) dot.setAttribute(name, value);
    svg.append(dot);
  }
  return svg;
}

// Layer 0 is the plain image, layer n the outline of candidate n over it.
function view(layer, d, size, caption) {
  const layers = element("div", "layers", ...(layer ? [0, layer] : [0]).map((n) => picture(url(visible, n, size))));
  if (layer) layers.append(dots(d, size === "large" ? 0.0048 : 0.008));
  const box = element("div", "view", layers);
  if (caption) box.append(element("span", "caption", caption));
  return element("div", "frame", box);
}

function enlarge(d, n) {
  const mark = String(n) === images[visible].choice ? ", chosen" : n === d.suggestion ? ", suggested" : "";
  const right = view(n, d, "large", `candidate ${n}${mark}`);
  const left = $("large").querySelector(".plain");
  if (left && left.dataset.image === String(visible)) left.nextSibling.replaceWith(right);
  else {
    const plain = view(0, d, "large", "plain image");
    plain.classList.add("plain");
    plain.dataset.image = visible;
    $("large").replaceChildren(plain, right);
  }
  [...$("candidates").children].forEach((choice, i) => choice.classList.toggle("shown", i + 1 === n));
}

function candidate(d, n) {
  const chosen = images[visible].choice === String(n), suggested = d.suggestion === n;
  const button = element("button", `choice${suggested ? " suggested" : ""}${chosen ? " chosen" : ""}`);
  const inside = d.lois.length ? ` · ${d.inside[n - 1]}/${d.lois.length} points` : "";
  const label = element("div", "label", element("b", "", String(n)), `${Math.round(100 * d.areas[n - 1])} % area${inside}`);
  const mark = chosen ? "chosen" : suggested ? "suggested" : "";
  button.append(view(n, d, "small", mark), label);
  button.setAttribute("aria-label", `candidate ${n}${mark && ", " + mark}: ${label.lastChild.textContent}`);
  button.onmouseenter = button.onfocus = () => enlarge(d, n);
  button.onclick = () => choose(n);
  return button;
}

const STATES = { none: "rejected", own: "has a mask made elsewhere" };

function showHeader() {
  const { stem, choice } = images[at];
  const done = images.filter((image) => image.choice !== null).length, left = images.length - done;
  $("stem").textContent = $("stem").title = stem;
  $("state").textContent = choice === null ? "" : STATES[choice] || `candidate ${choice}`;
  $("progress").textContent = `image ${at + 1} of ${images.length} · ${done} done · ${left} left`;
  $("bar").max = images.length;
  $("bar").value = done;
  const each = made ? (Date.now() - began) / made / 1000 : 0;
  $("rate").textContent = made > 2 && left ? `about ${Math.ceil(each * left / 60)} min left` : "";
  document.title = `${left} left · lacss pick`;
}

async function show(k) {
  const wanted = at = Math.max(0, Math.min(images.length - 1, k));
  visible = -1;
  showHeader();
  say("");
  try {
    const d = await load(wanted);
    if (wanted !== at) return;
    visible = wanted;
    const main = document.querySelector("main"), ratio = d.size[1] / d.size[0];
    main.style.setProperty("--ratio", ratio);
    main.style.setProperty("--n", d.areas.length);
    main.classList.toggle("wide", ratio > 2.2);
    $("last").textContent = d.areas.length;
    $("candidates").replaceChildren(...d.areas.map((_, i) => candidate(d, i + 1)));
    enlarge(d, preferred(wanted, d));
    fetchAhead();
  } catch (error) {
    if (wanted !== at) return;
    $("candidates").replaceChildren();
    $("large").replaceChildren(element("p", "failure", `This image cannot be shown: ${error.message}`));
  }
}

function finished() {
  const count = (choice) => images.filter((image) => image.choice === choice).length;
  const rest = count("none") + count("own");
  $("counts").textContent = `${images.length - rest} masks picked, ${count("none")} images rejected`
    + (count("own") ? `, ${count("own")} with a mask made elsewhere.` : ".");
  if (!$("summary").open) $("summary").showModal();
}

// ---- acting ----

const firstOpen = (from) => images.findIndex((image, k) => k >= from && image.choice === null);

const say = (text) => { $("message").textContent = text; };

async function act(work) {
  if (busy) return;
  busy = true;
  try {
    await work();
  } catch (error) {
    say(error.message);
  } finally {
    busy = false;
  }
}

const choose = (choice) => act(async () => {
  const number = choice === "suggestion" ? (await load(at)).suggestion : choice;
  images = (await ask(`image/${at}/choose`, { choice: number }).catch((error) => {
    throw new Error(`Not saved: ${error.message}`);
  })).images;
  made++;
  const later = firstOpen(at + 1), next = later >= 0 ? later : firstOpen(0);
  await show(next >= 0 ? next : at);
  if (next < 0) finished();
});

const undo = () => act(async () => {
  const answer = await ask("undo", {});
  images = answer.images;
  $("summary").close();
  await show(answer.at);
});

function toggle(button, name, pressed) {
  $(button).setAttribute("aria-pressed", String(document.body.classList.toggle(name) === pressed));
}

function key(name) {
  const choices = $("candidates").children.length;
  if (name === "u") undo();
  else if ($("summary").open) return;
  else if (name === "arrowleft") show(at - 1);
  else if (name === "arrowright") show(at + 1);
  else if (name === "l") toggle("dots", "nodots", false);
  else if (name === "z") toggle("zoom", "zoomed", true);
  else if (name === "0") choose(null);
  else if (visible !== at) return;
  else if (name === "enter") choose("suggestion");
  else if (Number(name) <= choices) choose(Number(name));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target.closest("button")) return; // the button under focus is meant
  if (!/^([0-9]|Enter|ArrowLeft|ArrowRight|[ulzULZ])$/.test(event.key)) return;
  event.preventDefault();
  if (event.repeat && !event.key.startsWith("Arrow")) return; // a held key decides one image, not fifty
  key(event.key.toLowerCase());
});

// Zoom follows the pointer, in both large views alike.
$("large").addEventListener("pointermove", (event) => {
  const box = event.target.closest(".view")?.getBoundingClientRect();
  if (!box) return;
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  $("large").style.setProperty("--origin", `${100 * x}% ${100 * y}%`);
});
$("large").addEventListener("click", (event) => event.target.closest(".view") && key("z"));
for (const button of document.querySelectorAll("footer button")) button.onclick = () => key(button.dataset.key.toLowerCase());

ask("state").then((state) => {
  images = state.images;
  const open = firstOpen(0);
  if (open < 0) finished();
  return show(open);
}).catch((error) => say(error.message));
