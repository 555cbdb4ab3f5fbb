// Charts of a panel (service/charts.py), from the values that stand with each in its fragment. Lines differ in dashes and points, not in colour alone.
"use strict";

window.closedloopCharts = (() => {
  const drawn = new Map(); // element -> uPlot
  const texts = new WeakMap(); // element -> the chart that it shows, as text
  const shapes = new WeakMap(); // element -> what of a chart its canvas was made for
  const renewed = new WeakMap(); // uPlot -> paints another chart of that shape
  const HEIGHT = 250;
  const FEW = 60; // x: a chart of so many is drawn with points, bars and names beside its lines
  const NOTHING = "\u00a0"; // read out: its line stays
  const FONT = "12px system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";
  const WORD = 34; // px of an x below its tick
  const WHOLE = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power)); // of a scale of what is counted
  const LABELS = 96; // px, right of the lines
  const DASHES = { solid: [], dashed: [8, 4], dotted: [2, 3], mixed: [10, 3, 2, 3], short: [5, 5], wide: [1, 4] };
  const IN_TURN = Object.keys(DASHES);
  const MARKS = ["circle", "square", "triangle", "diamond", "down", "open"];
  const LIGHT = ["#175a96", "#b3541e", "#16603a", "#6f3fa0", "#7a4a00", "#52616f"];
  const DARK = ["#8cc1f2", "#f3a577", "#8fdcae", "#c9a6f0", "#f6cd7d", "#a3b0bd"];
  const LOOKS = { // what a colour stands for, light and dark
    site: ["#175a96", "#7db9f0"], second: ["#0b6e78", "#63cbd6"], truth: ["#1f2933", "#e4e9ee"],
    bound: ["#6f3fa0", "#c9a6f0"], gaussian: ["#1a6b3f", "#79d5a0"], linear: ["#a85200", "#f3ab66"],
    other: ["#b5477d", "#f09cc4"], yesterday: ["#63752a", "#c3d678"],
    faint: ["#8db4d6", "#6688ad"],
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const widthOf = (element) => Math.max(element.clientWidth, 240);
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) drawn.get(target)?.setSize({ width: widthOf(target), height: HEIGHT });
  });
  const told = (value) => (value == null ? "–" : Number.isInteger(value) ? `${value}` : value.toPrecision(3));
  const intervalOf = (line, at) => (line.low?.[at] == null ? "" : ` [${told(line.low[at])} to ${told(line.high[at])}]`);

  // How a line looks: what the chart says, or the next of each in turn.
  const looksOf = (lines) => lines.map((line, k) => ({
    colour: line.look ? LOOKS[line.look][Number(dark.matches)] : (dark.matches ? DARK : LIGHT)[k % LIGHT.length],
    dash: line.dash === "none" ? null : DASHES[line.dash] ?? DASHES[IN_TURN[k % IN_TURN.length]],
    mark: line.mark || MARKS[k % MARKS.length],
  }));

  const outline = (path, mark, x, y, r) => {
    if (mark === "square") path.rect(x - r, y - r, 2 * r, 2 * r);
    else if (mark === "triangle" || mark === "down") {
      const up = mark === "triangle" ? 1 : -1;
      path.moveTo(x, y - 1.3 * r * up); path.lineTo(x + 1.2 * r, y + r * up); path.lineTo(x - 1.2 * r, y + r * up); path.closePath();
    } else if (mark === "diamond") {
      path.moveTo(x, y - 1.4 * r); path.lineTo(x + 1.4 * r, y); path.lineTo(x, y + 1.4 * r); path.lineTo(x - 1.4 * r, y); path.closePath();
    } else path.arc(x, y, mark === "dot" ? 0.55 * r : r, 0, 2 * Math.PI);
  };

  const paintMark = (ctx, look, x, y, ground) => {
    const r = 3.6 * devicePixelRatio;
    ctx.beginPath();
    outline(ctx, look.mark, x, y, r);
    ctx.fillStyle = look.mark === "open" ? ground : look.colour;
    ctx.fill();
    if (look.mark === "dot") return;
    ctx.setLineDash([]);
    ctx.lineWidth = (look.mark === "open" ? 1.8 : 1) * devicePixelRatio;
    ctx.strokeStyle = look.mark === "open" ? look.colour : ground; // a rim, where marks cover each other
    ctx.stroke();
  };

  // A few x: lines, bars, points and names are painted here, side by side where the chart says so.
  const paintFew = (u, chart, places) => {
    const { ctx, bbox } = u;
    const px = devicePixelRatio;
    const style = getComputedStyle(document.body);
    const ground = getComputedStyle(u.root.closest(".panel") ?? document.body).backgroundColor;
    const looks = looksOf(chart.lines);
    const xOf = (line, at) => u.valToPos(chart.x[at] + (line.shift ?? 0), "x", true);
    const yOf = (value) => u.valToPos(value, "y", true);
    ctx.save();
    ctx.font = `${12 * px}px ${style.fontFamily}`;
    for (const level of chart.levels ?? []) {
      const y = yOf(level.y);
      ctx.strokeStyle = style.color;
      ctx.globalAlpha = 0.55;
      ctx.lineWidth = px;
      ctx.setLineDash([4 * px, 4 * px]);
      ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
    }
    ctx.globalAlpha = 1;
    places.length = 0;
    const last = [];
    const order = chart.lines.map((_, k) => k).sort((a, b) => (chart.lines[b].look === "faint") - (chart.lines[a].look === "faint"));
    for (const k of order) {
      const line = chart.lines[k];
      const look = looks[k];
      ctx.strokeStyle = look.colour;
      ctx.lineWidth = 2 * px;
      if (look.dash && line.look !== "faint") {
        ctx.setLineDash(look.dash.map((one) => one * px));
        ctx.beginPath();
        let on = false;
        chart.x.forEach((_, at) => {
          if (line.y[at] == null) { on = false; return; }
          ctx[on ? "lineTo" : "moveTo"](xOf(line, at), yOf(line.y[at]));
          on = true;
        });
        ctx.stroke();
      }
      ctx.setLineDash([]);
      ctx.lineWidth = 1.4 * px;
      chart.x.forEach((_, at) => {
        const [low, high] = [line.low?.[at], line.high?.[at]];
        if (low == null || high == null) return;
        const [x, from, to, cap] = [xOf(line, at), yOf(low), yOf(high), 3 * px];
        ctx.beginPath();
        ctx.moveTo(x, from); ctx.lineTo(x, to);
        ctx.moveTo(x - cap, from); ctx.lineTo(x + cap, from);
        ctx.moveTo(x - cap, to); ctx.lineTo(x + cap, to);
        ctx.stroke();
      });
      let end = null;
      chart.x.forEach((x, at) => {
        if (line.y[at] == null) return;
        const [left, top] = [xOf(line, at), yOf(line.y[at])];
        paintMark(ctx, look, left, top, ground);
        places.push({ left: left / px, top: top / px, text: `${line.label}, ${chart.x_label} ${x}: ${told(line.y[at])}${intervalOf(line, at)}` });
        end = { left, top };
      });
      if (end && line.short) last.push({ ...end, text: line.short, colour: look.colour });
    }
    nameLines(ctx, bbox, last, px);
    ctx.restore();
  };

  // Each line's name stands beside its last point; names that would cover each other are moved apart.
  const nameLines = (ctx, bbox, last, px) => {
    const apart = 14 * px;
    last.sort((a, b) => a.top - b.top);
    last.forEach((one, k) => { one.at = Math.max(one.top, k ? last[k - 1].at + apart : bbox.top + apart / 2); });
    const over = (last.at(-1)?.at ?? 0) - (bbox.top + bbox.height);
    if (over > 0) {
      last.at(-1).at -= over;
      for (let k = last.length - 2; k >= 0; k -= 1) last[k].at = Math.min(last[k].at, last[k + 1].at - apart);
    }
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.setLineDash([]);
    for (const one of last) {
      const edge = bbox.left + bbox.width;
      ctx.strokeStyle = ctx.fillStyle = one.colour;
      ctx.lineWidth = 0.8 * px;
      ctx.beginPath(); ctx.moveTo(one.left + 6 * px, one.top); ctx.lineTo(edge + 2 * px, one.at); ctx.lineTo(edge + 6 * px, one.at); ctx.stroke();
      ctx.fillText(one.text, edge + 9 * px, one.at);
    }
  };

  const drawing = (name, given) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(given)) element.setAttribute(key, value);
    return element;
  };

  const readoutOf = () => {
    const line = document.createElement("p");
    line.className = "readout";
    line.textContent = NOTHING;
    return line;
  };

  const legendOf = (chart, { marks = true } = {}) => {
    const list = document.createElement("ul");
    list.className = "legend";
    const looks = looksOf(chart.lines);
    const add = (label, look) => {
      const item = document.createElement("li");
      const svg = drawing("svg", { width: 34, height: 14, viewBox: "0 0 34 14", "aria-hidden": "true" });
      if (look.dash) svg.append(drawing("line", { x1: 1, x2: 33, y1: 7, y2: 7, stroke: look.colour, "stroke-width": 2, "stroke-dasharray": look.dash.join(" ") }));
      if (look.mark && marks) {
        const parts = [];
        const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;
        outline({
          rect: (x, y, w, h) => parts.push(`M${at(x, y)}h${w}v${h}h${-w}z`), moveTo: (x, y) => parts.push(`M${at(x, y)}`),
          lineTo: (x, y) => parts.push(`L${at(x, y)}`), closePath: () => parts.push("z"),
          arc: (x, y, r) => parts.push(`M${at(x - r, y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`),
        }, look.mark, 17, 7, 4);
        const open = look.mark === "open";
        svg.append(drawing("path", { d: parts.join(""), fill: open ? "none" : look.colour, stroke: look.colour, "stroke-width": open ? 1.8 : 0 }));
      }
      item.append(svg, label);
      list.append(item);
    };
    chart.lines.forEach((line, k) => { if (line.look !== "faint") add(line.label, looks[k]); });
    const faint = chart.lines.findIndex((line) => line.look === "faint");
    if (faint >= 0) add(chart.faint_label, { ...looks[faint], dash: null });
    for (const level of chart.levels ?? []) add(`${level.label}: ${told(level.y)}`, { colour: "currentColor", dash: [4, 4], mark: "" });
    return list;
  };

  const rangeOf = (chart) => {
    const values = chart.lines.flatMap((line) => [...line.y, ...(line.low ?? []), ...(line.high ?? [])]);
    values.push(...(chart.levels ?? []).map((level) => level.y), chart.lowest, chart.highest);
    const known = values.filter((value) => value != null);
    if (!known.length) return [0, 1];
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const pad = 0.06 * (high - low || Math.abs(high) || 1);
    return [chart.lowest === low ? low : low - pad, high + pad];
  };

  const isCounted = (chart) => chart.lines.every((line) => line.y.every((y) => y == null || Number.isInteger(y)));

  // As many of the x as their words have room for, from the first one on.
  const spread = (u, x) => {
    const room = Math.max(Math.floor(u.bbox.width / devicePixelRatio / WORD), 1);
    const step = Math.ceil(x.length / room);
    return x.filter((_, k) => k % step === 0);
  };

  const few = (element, first, axis) => {
    const places = [];
    let chart = first;
    const ends = () => {
      const step = chart.x.length > 1 ? Math.min(...chart.x.slice(1).map((x, k) => x - chart.x[k])) : 1;
      return [chart.x[0] - 0.6 * step, chart.x.at(-1) + 0.6 * step];
    };
    const dataOf = () => [chart.x, ...chart.lines.map((line) => line.y)];
    const readout = readoutOf();
    const named = chart.lines.some((line) => line.short);
    const options = {
      width: widthOf(element), height: HEIGHT,
      series: [{}, ...chart.lines.map((line) => ({ label: line.label, paths: () => null, points: { show: false } }))],
      scales: { x: { time: false, range: ends }, y: { range: () => rangeOf(chart) } },
      axes: [
        { ...axis(chart.x_label), size: 26, splits: (u) => spread(u, chart.x), values: (_, at) => at.map((x) => `${x}`), grid: { show: false } },
        { ...axis(chart.y_label), size: 54, ...(isCounted(chart) ? { incrs: WHOLE } : {}) },
      ],
      padding: [10, named ? LABELS : 12, 0, 0], legend: { show: false }, cursor: { show: false },
      hooks: { draw: [(u) => paintFew(u, chart, places)] },
    };
    const plot = new uPlot(options, dataOf(), element);
    element.append(readout, legendOf(chart));
    // A chart that grows is painted again in its own canvas: a new one each second is let go of by no browser in time.
    renewed.set(plot, (later) => {
      chart = later;
      plot.setData(dataOf());
      element.lastElementChild.replaceWith(legendOf(chart));
    });
    plot.root.addEventListener("pointermove", (event) => {
      const box = plot.root.querySelector("canvas").getBoundingClientRect();
      const distance = (one) => Math.hypot(one.left - (event.clientX - box.left), one.top - (event.clientY - box.top));
      const near = places.reduce((best, one) => (!best || distance(one) < distance(best) ? one : best), null);
      readout.textContent = near && distance(near) < 24 ? near.text : NOTHING;
    });
    return plot;
  };

  const linesOf = (chart) => {
    const data = [chart.x];
    const series = [{ label: chart.x_label }];
    const bands = [];
    const looks = looksOf(chart.lines);
    chart.lines.forEach((line, k) => {
      const stroke = looks[k].colour;
      data.push(line.y);
      series.push({ label: line.label, stroke, width: 2, dash: looks[k].dash ?? [], points: { show: false } });
      if (line.low?.length) {
        data.push(line.high, line.low);
        for (const end of ["high", "low"]) series.push({ label: `${line.label}, ${end}`, stroke: "transparent", width: 0, points: { show: false } });
        bands.push({ series: [data.length - 2, data.length - 1], fill: `${stroke}33` });
      }
    });
    return { data, series, bands };
  };

  const many = (element, first, axis) => {
    const { data, series, bands } = linesOf(first);
    const readout = readoutOf();
    let chart = first;
    const tellAt = ({ cursor: { idx: at } }) => {
      const values = at == null ? [] : chart.lines.map((line) => `${line.label} ${told(line.y[at])}${intervalOf(line, at)}`);
      readout.textContent = values.length ? `${chart.x_label} ${chart.x[at]}: ${values.join(", ")}` : NOTHING;
    };
    const options = {
      width: widthOf(element), height: HEIGHT, series, bands, scales: { x: { time: false } }, legend: { show: false },
      axes: [{ ...axis(chart.x_label), size: 26 }, { ...axis(chart.y_label), size: 56, ...(isCounted(chart) ? { incrs: WHOLE } : {}) }],
      cursor: { drag: { x: false, y: false }, points: { show: false } }, hooks: { setCursor: [tellAt] },
    };
    const plot = new uPlot(options, data, element);
    element.append(readout, legendOf(chart, { marks: false }));
    renewed.set(plot, (later) => {
      chart = later;
      plot.setData(linesOf(chart).data);
    });
    return plot;
  };

  // Charts of one shape differ in their numbers alone.
  const shapeOf = (chart) => JSON.stringify([
    chart.x.length <= FEW, chart.x_label, chart.y_label, chart.lines.map((line) => [line.label, line.short, !!line.low?.length, line.look, line.dash, line.mark]),
  ]);

  const paint = (element, text) => {
    const known = drawn.get(element);
    if (known && texts.get(element) === text) return;
    texts.set(element, text);
    const chart = JSON.parse(text);
    const isFew = chart.x.length <= FEW;
    const alike = known && shapes.get(element) === shapeOf(chart);
    shapes.set(element, shapeOf(chart));
    if (alike) { renewed.get(known)(chart); return; }
    known?.destroy();
    element.replaceChildren();
    const ink = getComputedStyle(document.body).color;
    const grid = { stroke: dark.matches ? "#34404c" : "#dbe2e9", width: 1 };
    const axis = (label) => ({ label, stroke: ink, grid, ticks: { stroke: ink, width: 1, size: 5 }, labelSize: 20, labelGap: 0, font: FONT, labelFont: `bold ${FONT}` });
    drawn.set(element, (isFew ? few : many)(element, chart, axis));
    resized.observe(element);
  };

  const forget = () => {
    for (const [element, plot] of drawn) {
      if (element.isConnected) continue;
      resized.unobserve(element);
      plot.destroy();
      drawn.delete(element);
    }
  };

  const draw = (root) => {
    forget();
    for (const figure of root.querySelectorAll("figure.chart[data-values]")) {
      paint(figure.querySelector(".plot"), figure.dataset.values);
    }
  };

  dark.addEventListener("change", () => {
    for (const [element, plot] of drawn) { plot.destroy(); drawn.delete(element); shapes.delete(element); texts.delete(element); element.replaceChildren(); }
    draw(document);
  });
  return { draw, drawn };
})();
