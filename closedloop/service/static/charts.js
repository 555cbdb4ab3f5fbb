// Charts of a panel's JSON (`charts`, see panels/charts.py). Lines differ in dashes and points, not in colour alone.
"use strict";

window.closedloopCharts = (() => {
  const drawn = new Map(); // element -> uPlot
  const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];
  const LIGHT = ["#175a96", "#b3541e", "#16603a", "#6f3fa0", "#7a4a00", "#52616f"];
  const DARK = ["#8cc1f2", "#f3a577", "#8fdcae", "#c9a6f0", "#f6cd7d", "#a3b0bd"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const widthOf = (element) => Math.max(element.clientWidth, 240);
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) drawn.get(target)?.setSize({ width: widthOf(target), height: 230 });
  });

  const markOf = (k) => (u, i, from, to) => {
    const { ctx } = u;
    const r = 3.2 * devicePixelRatio;
    ctx.fillStyle = ctx.strokeStyle = u.series[i].stroke(u, i);
    for (let at = from; at <= to; at += 1) {
      if (u.data[i][at] == null) continue;
      const x = u.valToPos(u.data[0][at], "x", true);
      const y = u.valToPos(u.data[i][at], "y", true);
      ctx.beginPath();
      if (k % 3 === 0) ctx.arc(x, y, r, 0, 2 * Math.PI);
      else if (k % 3 === 1) ctx.rect(x - r, y - r, 2 * r, 2 * r);
      else { ctx.moveTo(x, y - 1.3 * r); ctx.lineTo(x + 1.2 * r, y + r); ctx.lineTo(x - 1.2 * r, y + r); ctx.closePath(); }
      ctx.fill();
    }
    return false;
  };

  const parts = (chart) => {
    const data = [chart.x];
    const series = [{ label: chart.x_label }];
    const bands = [];
    const colours = dark.matches ? DARK : LIGHT;
    chart.lines.forEach((line, k) => {
      const stroke = colours[k % colours.length];
      data.push(line.y);
      series.push({ label: line.label, stroke, width: 2, dash: DASHES[k % DASHES.length], points: { show: chart.x.length <= 60 ? markOf(k) : false } });
      if (line.low?.length) {
        data.push(line.high, line.low);
        for (const end of ["high", "low"]) series.push({ label: `${line.label}, ${end}`, stroke: "transparent", width: 0, points: { show: false } });
        bands.push({ series: [data.length - 2, data.length - 1], fill: `${stroke}33` });
      }
    });
    return { data, series, bands };
  };

  const paint = (element, chart) => {
    const { data, series, bands } = parts(chart);
    const known = drawn.get(element);
    if (known && known.series.length === series.length) return known.setData(data);
    known?.destroy();
    element.replaceChildren();
    const ink = getComputedStyle(document.body).color;
    const axis = (label) => ({ label, stroke: ink, grid: { stroke: dark.matches ? "#34404c" : "#dbe2e9", width: 1 }, ticks: { stroke: ink, width: 1 }, labelSize: 22 });
    const options = {
      width: widthOf(element), height: 230, series, bands, scales: { x: { time: false } },
      axes: [axis(chart.x_label), { ...axis(chart.y_label), size: 56 }], cursor: { drag: { x: false, y: false } },
    };
    drawn.set(element, new uPlot(options, data, element));
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

  const draw = async (root) => {
    forget();
    const study = document.querySelector("main").dataset.study;
    const wanted = new Map();
    for (const element of root.querySelectorAll(".plot[data-chart]")) {
      const of = wanted.get(element.dataset.panel) ?? [];
      wanted.set(element.dataset.panel, [...of, element]);
    }
    for (const [panel, elements] of wanted) {
      const answer = await fetch(`${study}/panel/${panel}.json`);
      if (!answer.ok) continue;
      const { charts } = await answer.json();
      for (const element of elements) {
        const chart = charts?.find((one) => one.name === element.dataset.chart);
        if (chart && element.isConnected) paint(element, chart);
      }
    }
  };

  dark.addEventListener("change", () => {
    for (const [element, plot] of drawn) { plot.destroy(); drawn.delete(element); }
    draw(document);
  });
  return { draw, drawn };
})();
