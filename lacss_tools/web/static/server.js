// Talking to the server. Every window has a name of its own, so that its undo takes back only its own actions.

const NAME = "lacss-window";

function windowName() {
  const kept = sessionStorage.getItem(NAME);
  if (kept) return kept;
  const made = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem(NAME, made);
  return made;
}

// Somebody else changed what this window wanted to change.
export class Conflict extends Error {}

async function call(path, options) {
  let response;
  try {
    response = await fetch("api/" + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const { command } = document.body.dataset;
    throw new Error(`${command} does not answer. If it has ended, run it again and open its new address.`);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({ error: `${response.status} ${response.statusText}` }));
  throw new (response.status === 409 ? Conflict : Error)(answer.error);
}

export async function get(path) {
  return (await call(path)).json();
}

export async function getBytes(path, signal) {
  return new Uint8Array(await (await call(path, { signal })).arrayBuffer());
}

export async function post(path, body) {
  const text = JSON.stringify({ window: windowName(), ...body });
  return (await call(path, { method: "POST", headers: { "content-type": "application/json" }, body: text })).json();
}
