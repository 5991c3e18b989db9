// What changes in an open page: parts that the server sends again, keys, and the choice of colours.

const body = document.body;
const root = body.dataset.root;
// The parts come from our own server, which has escaped what others wrote.
const policy = window.trustedTypes?.createPolicy("tidegate", { createHTML: (text) => text });
const parsed = (html) =>
  new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html").body
    .firstElementChild;
const postponed = new Map();

const filling = (part) => {
  const active = document.activeElement;
  return part.contains(active) && active.matches("input:not([type=hidden]), textarea, select");
};

// Where the focus is, as the way to it from the part's own element; null where it is elsewhere.
const wayTo = (part, element) => {
  const way = [];
  for (let at = element; at !== part; at = at.parentElement) {
    if (!at) return null;
    way.unshift([...at.parentElement.children].indexOf(at));
  }
  return way;
};

const replace = (id, html) => {
  const old = document.getElementById(id);
  if (!old) return;
  if (filling(old)) {
    postponed.set(id, html);
    return;
  }
  postponed.delete(id);
  const fresh = parsed(html);
  if (!fresh || fresh.id !== id) return;
  for (const each of old.querySelectorAll("details[open][id]"))
    fresh.querySelector(`#${CSS.escape(each.id)}`)?.setAttribute("open", "");
  if (fresh.isEqualNode(old)) return;
  const active = document.activeElement;
  const way = old.contains(active) ? wayTo(old, active) : null;
  old.replaceWith(fresh);
  if (way) {
    const found = way.reduce((at, index) => at?.children[index], fresh);
    (found ?? document.getElementById("main")).focus({ preventScroll: true });
  }
};

document.addEventListener("focusout", () =>
  setTimeout(() => [...postponed].forEach(([id, html]) => replace(id, html))),
);

if (body.dataset.live) {
  const connection = document.getElementById("connection");
  const say = (text) => {
    if (connection.textContent !== text) connection.textContent = text;
  };
  const source = new EventSource(body.dataset.live);
  source.addEventListener("open", () => say("live"));
  source.addEventListener("fragment", (event) => {
    const { id, html } = JSON.parse(event.data);
    replace(id, html);
  });
  source.addEventListener("error", () =>
    say(source.readyState === EventSource.CLOSED ? "not live: open the page again" : "reconnecting"),
  );
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const dark =
    document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const chosen = dark ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  document.cookie = `tidegate-theme=${chosen}; path=${root || "/"}; max-age=31536000; samesite=lax`;
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (search) search.focus();
    else location.assign(`${root}/`);
  } else if (event.key === "g") location.assign(`${root}/gates`);
  else if (event.key === "f") location.assign(`${root}/`);
  else if (event.key === "a") location.assign(`${root}/activity`);
  else if (event.key === "?") document.querySelector(".keys").toggleAttribute("open");
  else return;
  event.preventDefault();
});
