// Filters and pages of a panel: a button with `data-ask` asks for the panel's fragment with its word and those that were
// asked for before; they stay asked for while the panel changes by itself. No entry fields: Chrome asks its maker about
// every page that has one.
"use strict";

window.closedloopAsked = (() => {
  const queries = new Map(); // panel -> the words asked for

  const text = async (body) => {
    const query = queries.get(body.id)?.toString();
    if (!query) return null;
    const answer = await fetch(`${document.querySelector("main").dataset.study}/panel/${body.id.slice("panel-".length)}?${query}`);
    return answer.ok ? answer.text() : null;
  };

  // A menu is shut as a person shuts it: what the page remembers of it is what was clicked.
  const shut = (menu) => { if (menu?.open) menu.querySelector("summary").click(); };

  const ask = async (button) => {
    const body = button.closest(".panel > .body");
    const query = queries.get(body.id) ?? new URLSearchParams();
    const { ask: name, value } = button.dataset;
    query.delete("page"); // of other words
    query.set(name, value);
    queries.set(body.id, query);
    const menu = button.closest("details.choose");
    shut(menu);
    const found = await text(body);
    if (found !== null) await window.closedloopSwap(body, found);
    if (name === "page") body.querySelector(".asked")?.scrollIntoView({ block: "start" });
    else menu?.querySelector("summary").focus();
  };

  const close = (but) => {
    for (const menu of document.querySelectorAll("details.choose[open]")) if (!menu.contains(but)) shut(menu);
  };

  document.addEventListener("click", (event) => {
    close(event.target);
    const button = event.target.closest("button[data-ask]");
    if (button) ask(button);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(null); });
  return text;
})();
