// The page's few lines: fragments arrive by EventSource and are morphed in by htmx; decisions are sent with the token.
"use strict";

(() => {
  const main = document.querySelector("main");
  const link = document.getElementById("link");

  // The token comes behind the # of the printed link, which browsers send to nobody, and stays in this tab.
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("closedloop-token", given);
    history.replaceState(null, "", location.pathname);
  }
  const token = sessionStorage.getItem("closedloop-token");
  if (token && !("readOnly" in document.body.dataset)) document.body.dataset.canDecide = "";

  const tellAges = (root) => {
    for (const time of root.querySelectorAll("time[data-ago]")) {
      const s = Math.max((Date.now() - Date.parse(time.dateTime)) / 1000, 0);
      const text = s < 90 ? `${Math.round(s / 5) * 5} s ago` : s < 5400 ? `${Math.round(s / 60)} min ago`
        : s < 172800 ? `${Math.round(s / 3600)} h ago` : `${Math.round(s / 86400)} days ago`;
      if (Number.isFinite(s) && time.textContent !== text) time.textContent = text;
    }
  };

  // What a person opened or closed stays so; where nobody did, the text decides.
  const chosen = new Map();
  document.addEventListener("click", (event) => {
    const details = event.target.closest("summary")?.parentElement;
    if (details?.id) chosen.set(details.id, !details.open);
  });

  const swap = async (target, text) => {
    await htmx.swap({ target, text, swap: "innerMorph", sourceElement: target });
    for (const one of target.querySelectorAll("details[id]")) if (chosen.has(one.id)) one.open = chosen.get(one.id);
    tellAges(target);
    window.closedloopCharts?.draw(target);
  };

  // One after the other: a panel is never swapped in the middle of another swap of it.
  let last = Promise.resolve();
  const swapInTurn = (target, text) => (last = last.then(() => swap(target, text)).catch(console.error));
  window.closedloopSwap = swapInTurn;

  // What changes while nobody sees the page is shown when somebody does, as it is then.
  const unseen = new Map(); // panel -> its fragment
  const show = (body, text) => {
    if (document.hidden) unseen.set(body, text);
    else window.closedloopAsked(body).catch(() => null).then((asked) => swapInTurn(body, asked ?? text));
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const [body, text] of unseen) show(body, text);
    unseen.clear();
    tellAges(document);
  });

  const listen = (address, place) => {
    const source = new EventSource(`${address}?after=${encodeURIComponent(place)}`);
    source.onopen = () => { link.textContent = "● live"; };
    for (const body of document.querySelectorAll("main .panel > .body")) {
      const name = body.id.slice("panel-".length);
      let lines = []; // of its fragment: a stream brings it whole, then what changes of it (service/web/changes.py)
      source.addEventListener(name, (event) => {
        place = event.lastEventId || place;
        lines = event.data.split("\n");
        show(body, event.data);
      });
      source.addEventListener(`lines-of-${name}`, (event) => {
        place = event.lastEventId || place;
        for (const [first, end, later] of JSON.parse(event.data).reverse()) lines.splice(first, end - first, ...later);
        show(body, lines.join("\n"));
      });
    }
    source.onerror = () => {
      link.textContent = "○ no connection, trying again";
      if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(address, place), 3000);
    };
    window.addEventListener("pagehide", () => source.close(), { once: true });
  };

  if (main.dataset.events) {
    listen(main.dataset.events, main.dataset.place);
    window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
  if (main.dataset.rows) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(main.dataset.rows);
        if (!answer.ok) throw new Error(answer.status);
        swapInTurn(document.getElementById("rows"), await answer.text());
        link.textContent = "● live";
      } catch { link.textContent = "○ no connection, trying again"; }
    }, 5000);
  }
  tellAges(document);
  setInterval(() => { if (!document.hidden) tellAges(document); }, 5000);
  window.closedloopCharts?.draw(document);

  // Decisions.
  const template = document.getElementById("decide");
  if (!template) return;
  const said = document.getElementById("said");
  const WORDS = { approve: "Approve", hold: "Hold this study", release: "Release", retry: "Look again now" };
  let hiding = 0;

  const post = async (action, sent) => {
    const answer = await fetch(`${main.dataset.study}/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Closedloop-Token": token },
      body: JSON.stringify(sent),
    });
    const text = await answer.text();
    const isOurs = answer.headers.get("content-type")?.startsWith("application/json");
    const told = isOurs ? JSON.parse(text) : { error: text };
    if (!answer.ok) throw new Error(told.error);
    return told.said;
  };

  const ask = (button) => {
    const { action, gate, day, block, found, about } = button.dataset;
    const dialog = template.content.cloneNode(true).firstElementChild;
    const form = dialog.querySelector("form");
    const submit = form.querySelector("[type=submit]");
    const fault = dialog.querySelector("#decide-said");
    dialog.querySelector("#decide-title").textContent = submit.textContent = WORDS[action];
    dialog.querySelector("#decide-about").textContent = about;
    const [by, reason] = dialog.querySelectorAll(".entry");
    by.textContent = localStorage.getItem("closedloop-by") || "";
    by.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); reason.focus(); }
    });
    form.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      const sent = { by: by.textContent, reason: reason.innerText };
      if (gate) Object.assign(sent, { gate, day: Number(day), block: Number(block), found });
      try {
        said.textContent = await post(action, sent);
        localStorage.setItem("closedloop-by", sent.by);
        dialog.close();
        said.hidden = false;
        clearTimeout(hiding);
        hiding = setTimeout(() => { said.hidden = true; }, 10000);
      } catch (error) {
        fault.textContent = error.message;
        fault.hidden = false;
        submit.disabled = false;
      }
    });
    document.body.append(dialog);
    dialog.showModal();
    (by.textContent ? reason : by).focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (button) ask(button);
  });
})();
