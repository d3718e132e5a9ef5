"use strict";
/* The taxonomy as nested boxes, coarse ranks left: height is images, colour is accuracy. Click, or arrows and Enter. */
(function () {
  const STOPS = [[0, 34, 78], [53, 69, 109], [102, 105, 112], [148, 142, 119], [200, 181, 103], [254, 232, 56]];
  function colour(value, none) {
    if (value === null) return none;
    const x = Math.min(0.9999, Math.max(0, value)) * (STOPS.length - 1), i = Math.floor(x), t = x - i;
    return "rgb(" + STOPS[i].map((v, c) => Math.round(v + t * (STOPS[i + 1][c] - v))).join(",") + ")";
  }
  function percent(value) { return value === null ? "no species-level answer to judge" : (100 * value).toFixed(1) + " %"; }

  function Icicle(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const canvas = box.querySelector("canvas"), told = box.querySelector(".told"), search = box.querySelector("input");
    const n = data.name.length, parent = data.parent, weight = data.n;
    const children = Array.from({ length: n + 1 }, () => []);
    for (let i = 0; i < n; i++) children[parent[i] < 0 ? n : parent[i]].push(i);
    const total = children[n].reduce((sum, i) => sum + weight[i], 0);
    let root = n, chosen = children[n].length ? children[n][0] : -1, shown = [];

    function path(i) { const names = []; for (; i >= 0 && i < n; i = parent[i]) names.unshift(data.name[i]); return names; }
    function tell(i) {
      told.textContent = i < 0 || i >= n ? total + " images" : path(i).join(" › ") + " (" + data.rank[i] + "): " +
        percent(data.accuracy[i]) + " of " + weight[i] + " images at the finest rank, " + data.taxa[i] +
        (data.taxa[i] === 1 ? " taxon" : " taxa") + (data.recall[i] === null ? "" : "; found as such: " + percent(data.recall[i]));
      canvas.setAttribute("aria-label", told.textContent);
    }
    function depthBelow(i) { let deepest = 0; const stack = [[i, 0]];
      while (stack.length) { const [at, d] = stack.pop(); if (d > deepest) deepest = d; for (const c of children[at]) stack.push([c, d + 1]); }
      return deepest; }

    function draw() {
      const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
      canvas.width = width * scale; canvas.height = height * scale;
      const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
      const none = style.getPropertyValue("--none").trim(), paper = style.getPropertyValue("--paper").trim();
      const accent = style.getPropertyValue("--chance").trim();
      pen.scale(scale, scale); pen.clearRect(0, 0, width, height);
      const columns = Math.max(1, depthBelow(root) + (root === n ? 0 : 1)), step = width / columns;
      shown = [];
      const all = root === n ? total : weight[root];
      const stack = root === n ? [] : [[root, 0, 0, height]];
      if (root === n) { let y = 0; for (const c of children[n]) { const h = all ? height * weight[c] / all : 0; stack.push([c, 0, y, h]); y += h; } }
      pen.font = "12px system-ui, sans-serif"; pen.textBaseline = "middle";
      while (stack.length) {
        const [i, column, y, h] = stack.pop();
        if (h < 0.4) continue;
        const x = column * step;
        pen.fillStyle = colour(data.accuracy[i], none);
        pen.fillRect(x, y, step - 1, Math.max(h - (h > 3 ? 1 : 0), 0.4));
        shown.push([i, x, y, step, h]);
        if (h > 13) {
          const value = data.accuracy[i];
          pen.save(); pen.beginPath(); pen.rect(x, y, step - 4, h); pen.clip();
          pen.fillStyle = value === null ? "#000" : value > 0.55 ? "#111" : "#fff";
          pen.fillText(data.name[i], x + 5, y + h / 2); pen.restore();
        }
        let top = y; const sum = children[i].reduce((s, c) => s + weight[c], 0);
        for (const c of children[i]) { const ch = weight[i] ? h * weight[c] / Math.max(weight[i], sum) : 0; stack.push([c, column + 1, top, ch]); top += ch; }
      }
      const at = shown.find((s) => s[0] === chosen);
      if (at) { pen.strokeStyle = accent; pen.lineWidth = 2; pen.strokeRect(at[1] + 1, at[2] + 1, at[3] - 3, Math.max(at[4] - 3, 1)); }
      canvas.dataset.root = root === n ? "" : data.name[root];
      canvas.dataset.drawn = shown.length;
    }
    function under(event) {
      const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      for (const [i, left, top, w, h] of shown) if (x >= left && x < left + w && y >= top && y < top + h) return i;
      return -1;
    }
    function zoom(i) { root = i < 0 ? n : i; if (i >= 0 && i < n) chosen = i; draw(); tell(i); }
    canvas.addEventListener("mousemove", (event) => { const i = under(event); if (i >= 0) tell(i); });
    canvas.addEventListener("mouseleave", () => tell(chosen));
    canvas.addEventListener("click", (event) => {
      const i = under(event);
      if (i >= 0) zoom(i === root ? (parent[i] < 0 ? n : parent[i]) : i);
    });
    canvas.addEventListener("keydown", (event) => {
      const siblings = chosen < 0 ? [] : children[parent[chosen] < 0 ? n : parent[chosen]], place = siblings.indexOf(chosen);
      const go = { ArrowDown: siblings[place + 1], ArrowUp: siblings[place - 1],
        ArrowRight: chosen >= 0 ? children[chosen][0] : undefined, ArrowLeft: chosen >= 0 && parent[chosen] >= 0 ? parent[chosen] : undefined };
      if (event.key in go) { if (go[event.key] !== undefined) { chosen = go[event.key]; draw(); tell(chosen); } }
      else if (event.key === "Enter") zoom(chosen);
      else if (event.key === "Escape") zoom(root === n || parent[root] < 0 ? -1 : parent[root]);
      else return;
      event.preventDefault();
    });
    if (search) search.addEventListener("change", () => {
      const wanted = search.value.trim().toLowerCase();
      let found = data.name.findIndex((name) => name.toLowerCase() === wanted);
      if (found < 0 && wanted) found = data.name.findIndex((name) => name.toLowerCase().includes(wanted));
      if (!wanted) zoom(-1); else if (found >= 0) zoom(children[found].length ? found : Math.max(parent[found], -1)), chosen = found, draw(), tell(found);
      else told.textContent = "no taxon here is called " + search.value;
    });
    window.addEventListener("resize", draw);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    draw(); tell(-1);
  }
  for (const box of document.querySelectorAll(".clade")) Icicle(box);

  /* Tables sort by any column: numbers as numbers, gaps last. */
  for (const button of document.querySelectorAll("button.sort")) button.addEventListener("click", () => {
    const cell = button.closest("th"), table = cell.closest("table"), at = cell.cellIndex, body = table.tBodies[0];
    const down = cell.getAttribute("aria-sort") !== "descending";
    for (const other of cell.parentNode.cells) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => { // "1,690", "<0.001", "87.8 ●" and "-21.4 (-24.5, -18.3)" are numbers, a date is text
      const text = row.cells[at].dataset.value ?? row.cells[at].textContent;
      const bare = text.replace(/^</, "").replace(/(\d),(?=\d{3})/g, "$1");
      return /^[-+]?\d*\.?\d+(e[-+]?\d+)?(\s|$)/i.test(bare) ? parseFloat(bare) : text;
    };
    const rows = Array.from(body.rows).sort((a, b) => {
      const x = value(a), y = value(b);
      if (typeof x === typeof y) return (x < y ? -1 : x > y ? 1 : 0) * (down === (typeof x === "number") ? -1 : 1);
      return typeof x === "number" ? -1 : 1;
    });
    for (const row of rows) body.appendChild(row);
  });
})();
