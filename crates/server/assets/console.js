// What the console does a little sooner with a script. Nothing needs it: every form and link works without.
(() => {
  "use strict";

  // A part of the page, asked for again at its own address; the server has rendered it.
  const fetched = async (url) => {
    const response = await fetch(url, { headers: { accept: "text/html" }, credentials: "same-origin" });
    const here = new URL(url, location.href);
    if (!response.ok || new URL(response.url).pathname !== here.pathname) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  };

  // Somebody types there, or has ticked something.
  const busy = (element) =>
    (element.contains(document.activeElement) && document.activeElement !== element) ||
    element.querySelector(".pick input:checked, .picked input:checked") !== null;

  // What runs: ask until the answer has no address to ask any more, then look at the whole page once.
  const poll = async () => {
    const running = document.querySelector(".running[data-poll]");
    if (!running) return;
    try {
      const page = document.hidden ? null : await fetched(running.dataset.poll);
      const next = page && page.querySelector(".running");
      if (next && next.hasAttribute("data-done")) {
        location.reload();
        return;
      }
      if (next) running.replaceWith(document.adoptNode(next));
    } catch {
      // The next round tries again.
    }
    setTimeout(poll, 1000);
  };

  // Pages that keep themselves fresh.
  const refresh = async () => {
    const main = document.querySelector("main[data-refresh]");
    if (!main) return;
    try {
      const page = document.hidden || busy(main) || String(getSelection()) ? null : await fetched(location.href);
      const next = page && page.querySelector("main");
      if (next && !busy(main)) {
        const lasting = ":scope > .flash:not(.passing)";
        const flash = main.querySelector(lasting);
        // A page that was fresh only for a while is not any more.
        if (!next.dataset.refresh) delete main.dataset.refresh;
        main.replaceChildren(...document.adoptNode(next).childNodes);
        if (flash && !main.querySelector(lasting)) main.prepend(flash);
      }
    } catch {
      // The next round tries again.
    }
    again();
  };

  const again = () => {
    const main = document.querySelector("main[data-refresh]");
    if (main) setTimeout(refresh, 1000 * Math.max(1, Number(main.dataset.refresh)));
  };

  // "3 min ago" stays true while nobody reloads.
  const minutes = new Intl.RelativeTimeFormat(document.documentElement.lang, { style: "short", numeric: "always" });
  const freshen = () => {
    for (const time of document.querySelectorAll("time[data-near]")) {
      const age = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
      if (age >= 1 && age < 60) time.textContent = minutes.format(-age, "minute").replace(".", "");
    }
  };

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.filters");
    if (form && event.target.matches("select")) form.requestSubmit();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const find = document.getElementById("find");
    if (!find || find.closest("[inert]")) return;
    event.preventDefault();
    find.focus();
  });

  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    if (!field || !navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(field.value);
      button.textContent = button.dataset.copied;
    });
  }

  setTimeout(poll, 700);
  again();
  setInterval(freshen, 20000);
})();
