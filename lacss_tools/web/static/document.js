// Small helpers of a page: elements by name, a note that leaves by itself, the dialog over the page.

export const $ = (id) => document.getElementById(id);

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

let fading = 0;

// A short note that leaves by itself; an error stays until the next action.
export function say(text, isError = false) {
  clearTimeout(fading);
  $("message").textContent = text;
  $("message").classList.toggle("error", isError);
  if (text && !isError) fading = setTimeout(() => say(""), 4000);
}

export const many = (n, one, more = one + "s") => `${n} ${n === 1 ? one : more}`;

export const openDialog = () => document.querySelector("dialog[open]");

export function toggleHelp() {
  if ($("help").open) $("help").close();
  else $("help").showModal();
}
