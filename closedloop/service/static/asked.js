// Filters and pages of a panel: a form of class `ask` asks for the panel's fragment with its words. What was asked for
// stays asked for while the panel changes by itself.
"use strict";

window.closedloopAsked = (() => {
  const queries = new Map(); // panel -> the words of its form

  const text = async (body) => {
    const query = queries.get(body.id);
    if (!query) return null;
    const answer = await fetch(`${document.querySelector("main").dataset.study}/panel/${body.id.slice("panel-".length)}?${query}`);
    return answer.ok ? answer.text() : null;
  };

  const ask = async (form, submitter) => {
    const body = form.closest(".panel > .body");
    const entries = [...form.querySelectorAll(".entry")].map((one) => [one.dataset.name, one.textContent.trim()]);
    const words = [...new FormData(form, submitter), ...entries].filter(([, value]) => value);
    queries.set(body.id, new URLSearchParams(words).toString());
    const found = await text(body);
    if (found !== null) await window.closedloopSwap(body, found);
    if (submitter?.name === "page") body.querySelector("form.ask").scrollIntoView({ block: "start" });
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.ask")) return;
    event.preventDefault();
    ask(event.target, event.submitter);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.ask");
    if (form) ask(form, null);
  });
  let written = ""; // what stood in an entry when it was entered
  document.addEventListener("focusin", (event) => { if (event.target.matches("form.ask .entry")) written = event.target.textContent; });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches("form.ask .entry") && event.target.textContent !== written) ask(event.target.closest("form"), null);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("form.ask .entry")) return;
    event.preventDefault();
    written = event.target.textContent;
    ask(event.target.closest("form"), null);
  });
  return text;
})();
