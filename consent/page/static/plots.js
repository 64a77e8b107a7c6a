// Draws the plots whose figures stand in the page as JSON (uPlot).
"use strict";
(() => {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name) => styles.getPropertyValue(name).trim();
  const font = "12px " + getComputedStyle(document.body).fontFamily;
  const short = (n, sign) => {
    const v = Math.abs(n);
    if (document.documentElement.lang === "zh-CN") return sign + (v >= 10000 ? +(n / 10000).toFixed(1) + "万" : n);
    return sign + (v >= 1000000 ? +(n / 1000000).toFixed(1) + "M" : v >= 1000 ? +(n / 1000).toFixed(1) + "k" : n);
  };
  const drawn = [];

  function axis(more) {
    return Object.assign({ stroke: colour("--soft"), font, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } }, more);
  }

  function flow(el, data) {
    const [into, out] = data.series;
    const places = data.labels.map((_, i) => i);
    const bars = (align) => uPlot.paths.bars({ size: [0.42, 22], align });
    return new uPlot({
      width: el.clientWidth, height: el.clientHeight, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, places.length - 0.4] }, y: { range: (u, lo, hi) => [0, hi > 0 ? hi * 1.08 : 1] } },
      axes: [
        axis({ grid: { show: false }, splits: () => {
          const step = Math.ceil(places.length / Math.max(2, Math.floor(el.clientWidth / 64)));
          return places.filter((i) => i % step === 0);
        }, values: (u, at) => at.map((i) => data.labels[i] || "") }),
        axis({ size: 58, values: (u, at) => at.map((v) => short(v, data.sign)) }),
      ],
      series: [{}, { label: into.name, fill: colour("--jade"), paths: bars(-1), points: { show: false } },
        { label: out.name, fill: colour("--cinnabar"), paths: bars(1), points: { show: false } }],
    }, [places, into.values, out.values], el);
  }

  // spent lies on its side, so that names of categories have room.
  function spent(el, data) {
    const places = data.labels.map((_, i) => i);
    return new uPlot({
      width: el.clientWidth, height: el.clientHeight, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, ori: 1, dir: -1, range: [-0.6, places.length - 0.4] }, y: { ori: 0, dir: 1, range: (u, lo, hi) => [0, hi > 0 ? hi * 1.04 : 1] } },
      axes: [
        axis({ side: 3, size: document.documentElement.lang === "zh-CN" ? 84 : 132, grid: { show: false }, splits: () => places, values: (u, at) => at.map((i) => data.labels[i] || "") }),
        axis({ side: 2, space: 70, values: (u, at) => at.map((v) => short(v, data.sign)) }),
      ],
      series: [{}, { label: data.series[0].name, fill: colour("--cinnabar"), paths: uPlot.paths.bars({ size: [0.55, 18] }), points: { show: false } }],
    }, [places, data.series[0].values], el);
  }

  // worth is a line that may lie below nothing.
  function worth(el, data) {
    const places = data.labels.map((_, i) => i);
    return new uPlot({
      width: el.clientWidth, height: el.clientHeight, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.3, places.length - 0.7] }, y: { range: (u, lo, hi) => { const room = (hi - lo || Math.abs(hi) || 1) * 0.12; return [lo - room, hi + room]; } } },
      axes: [
        axis({ grid: { show: false }, splits: () => {
          const step = Math.ceil(places.length / Math.max(2, Math.floor(el.clientWidth / 92)));
          return places.filter((i) => i % step === 0);
        }, values: (u, at) => at.map((i) => data.labels[i] || "") }),
        axis({ size: 58, values: (u, at) => at.map((v) => (v < 0 ? "−" : "") + short(v < 0 ? -v : v, data.sign)) }),
      ],
      series: [{}, { label: data.series[0].name, stroke: colour("--jade"), width: 2, points: { show: true, size: 5, fill: colour("--jade") } }],
    }, [places, data.series[0].values], el);
  }

  const kinds = { flow, spent, worth };
  function draw() {
    while (drawn.length) drawn.pop().destroy();
    for (const el of document.querySelectorAll("[data-plot]")) {
      drawn.push(kinds[el.dataset.plot](el, JSON.parse(document.getElementById(el.id + "-data").textContent)));
    }
  }
  draw();
  let wait, width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(wait);
    wait = setTimeout(draw, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
