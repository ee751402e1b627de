"use strict";
// The page holds no truth of its own: after each action it shows the state that the server has on disk.
const $ = (id) => document.getElementById(id);
const details = new Map();
let images = [], at = 0, shown = 1, busy = false;
const began = Date.now();
let made = 0;

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch("api/" + path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

function load(k) {
  if (k < 0 || k >= images.length) return null;
  if (!details.has(k)) {
    details.set(k, ask(`image/${k}`).then((d) => {
      for (let layer = 0; layer <= d.thresholds.length; layer++) new Image().src = url(k, layer);
      return d;
    }));
    details.get(k).catch(() => details.delete(k));
  }
  return details.get(k);
}

const url = (k, layer) => `api/image/${k}/${layer}.png`;

function view(k, layer, d) {
  const box = document.createElement("div");
  box.className = "view";
  box.style.setProperty("--ratio", `${d.size[1]} / ${d.size[0]}`);
  for (const n of layer ? [0, layer] : [0]) {
    const img = document.createElement("img");
    img.src = url(k, n); img.alt = "";
    box.append(img);
  }
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `-0.5 -0.5 ${d.size[1]} ${d.size[0]}`);
  for (const [y, x] of d.lois) {
    const dot = document.createElementNS(svg.namespaceURI, "circle");
    dot.setAttribute("cx", x); dot.setAttribute("cy", y); dot.setAttribute("r", Math.max(...d.size) / 220);
    dot.setAttribute("fill", "#56b4e9"); dot.setAttribute("stroke", "#000"); dot.setAttribute("stroke-width", Math.max(...d.size) / 1200);
    svg.append(dot);
  }
  box.append(svg);
  return box;
}

function enlarge(d, layer) {
  shown = layer;
  $("large").replaceChildren(view(at, layer, d));
}

async function show(k) {
  at = Math.max(0, Math.min(images.length - 1, k));
  const wanted = at, d = await load(at);
  if (wanted !== at) return;
  const choice = images[at].choice;
  $("stem").textContent = images[at].stem + (choice === "none" ? " (rejected)" : "");
  $("candidates").replaceChildren(...d.thresholds.map((threshold, i) => {
    const n = i + 1, button = document.createElement("button");
    button.className = "choice" + (d.suggestion === n ? " suggested" : "") + (choice === String(n) ? " chosen" : "");
    button.setAttribute("aria-label", `candidate ${n}`);
    const label = document.createElement("div");
    label.className = "label";
    const words = [`${Math.round(100 * d.areas[i])} % cells`];
    if (choice === String(n)) words.push("chosen");
    else if (d.suggestion === n) words.push("suggested");
    const number = document.createElement("b");
    number.textContent = n;
    label.append(number, words.join(", "));
    button.append(view(at, n, d), label);
    button.onmouseenter = button.onfocus = () => enlarge(d, n);
    button.onclick = () => act(n);
    return button;
  }));
  enlarge(d, choice && choice !== "none" ? Number(choice) : d.suggestion);
  progress();
  load(at + 1); load(at + 2);
}

function progress() {
  const done = images.filter((i) => i.choice !== null).length, left = images.length - done;
  $("progress").textContent = `image ${at + 1} of ${images.length} · ${done} done · ${left} left`;
  $("bar").max = images.length; $("bar").value = done;
  const each = made ? (Date.now() - began) / made / 1000 : 0;
  $("rate").textContent = made > 2 && left ? `${each.toFixed(1)} s each · about ${Math.ceil(each * left / 60)} min left` : "";
}

function finished() {
  const rejected = images.filter((i) => i.choice === "none").length;
  $("counts").textContent = `${images.length - rejected} masks picked, ${rejected} images rejected.`;
  if (!$("summary").open) $("summary").showModal();
}

async function act(choice) {
  if (busy) return;
  busy = true;
  try {
    images = (await ask(`image/${at}/choose`, { choice })).images;
    made++;
    const next = images.findIndex((image, k) => k > at && image.choice === null);
    const open = next >= 0 ? next : images.findIndex((image) => image.choice === null);
    await show(open >= 0 ? open : at);
    if (open < 0) finished();
    $("message").textContent = "";
  } catch (error) { $("message").textContent = "Not saved: " + error.message; } finally { busy = false; }
}

async function undo() {
  try {
    const answer = await ask("undo", {});
    images = answer.images;
    await show(answer.at);
    $("message").textContent = "";
  } catch (error) { $("message").textContent = error.message; }
}

async function key(name) {
  if ($("summary").open) return;
  const d = await load(at);
  if (/^[1-9]$/.test(name) && Number(name) <= d.thresholds.length) act(Number(name));
  else if (name === "Enter") act(d.suggestion);
  else if (name === "0") act(null);
  else if (name === "ArrowLeft") show(at - 1);
  else if (name === "ArrowRight") show(at + 1);
  else if (name.toLowerCase() === "u") undo();
  else if (name.toLowerCase() === "l") {
    const off = document.body.classList.toggle("nodots");
    $("dots").setAttribute("aria-pressed", String(!off));
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target.closest("footer")) return;
  if (/^([0-9]|Enter|Arrow(Left|Right)|[ulUL])$/.test(event.key)) { event.preventDefault(); key(event.key); }
});
for (const button of document.querySelectorAll("footer button")) button.onclick = () => key(button.dataset.key);

ask("state").then((state) => {
  images = state.images;
  const open = images.findIndex((image) => image.choice === null);
  if (open < 0) finished();
  return show(Math.max(0, open));
}).catch((error) => { $("message").textContent = error.message; });
