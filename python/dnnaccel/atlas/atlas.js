// The atlas: charts that follow the chosen chip and networks, and the layers of one network on one chip.
// It uses the classes, tips and sorting of the page's own script, and writes texts as texts, never as HTML.
{
  const data = JSON.parse(document.getElementById("atlas-data").textContent);
  const chipBox = document.getElementById("atlas-chip");
  const scopeBox = document.getElementById("atlas-scope");
  const looks = [...document.querySelectorAll("#atlas-groups li")].map((item) => ({
    shade: item.querySelector("svg").getAttribute("class"),
    shape: item.querySelector("path").getAttribute("d"),
  }));
  const [NET, CHIP, ENERGY, CYCLES, UTILIZATION, BOUND, PROVED, LAYERS] = [0, 1, 2, 3, 4, 5, 6, 7];
  const place = (net, chip) => net * data.chips.length + chip;
  const ran = (row) => row.length > 3;

  // Numbers as the package writes them: four digits and a prefix.
  const PREFIXES = { "-15": "f", "-12": "p", "-9": "n", "-6": "µ", "-3": "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E" };
  const powerOf = (value) => Math.max(-15, Math.min(18, 3 * Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-12)));
  function scaled(value) {
    if (value === 0) return ["0", ""];
    let power = powerOf(value);
    let text = (value / 10 ** power).toPrecision(4);
    if (Number(text) >= 1000 && power < 18) {
      power += 3;
      text = (value / 10 ** power).toPrecision(4);
    }
    return [Number(text) >= 1e4 ? String(Number(text)) : text, PREFIXES[power]];
  }
  const count = (value) => (Number.isInteger(value) && Math.abs(value) < 1000 ? String(value) : scaled(value).join(""));
  const quantity = (value, unit) => {
    const [digits, prefix] = scaled(value);
    return `${digits} ${prefix}${unit}`;
  };
  const energyText = (value, chip) =>
    chip.unit === "pJ" ? quantity(value * 1e-12, "J") : `${count(value)} ${chip.unit}`;
  const secondsOf = (cycles, chip) => (chip.clock === null ? cycles : cycles / (chip.clock * 1e6));
  const latencyText = (value, chip) => (chip.clock === null ? `${count(value)} cycles` : quantity(value, "s"));
  const percent = (part) => (part === 0 ? "0" : part < 0.0005 ? "<0.1" : (100 * part).toFixed(1));
  const short = (text) => text.replace(/(\.\d*?)0+(?!\d)/, (all, kept) => (kept === "." ? "" : kept));

  const NS = "http://www.w3.org/2000/svg";
  function make(space, tag, attributes, ...children) {
    const element = space === null ? document.createElement(tag) : document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const svg = (tag, attributes, ...children) => make(NS, tag, attributes, ...children);
  const html = (tag, attributes, ...children) => make(null, tag, attributes, ...children);
  const part = (value) => `${(100 * value).toFixed(3)}%`;

  // Axes, as dnnaccel.report.html.axes lays them out.
  function logAxis(values) {
    let [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = Math.max(1.08, (high / low) ** 0.04);
    [low, high] = [low / margin, high * margin];
    let ticks = [];
    for (const steps of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]]) {
      ticks = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1)
        for (const step of steps) ticks.push(Number(`${step}e${power}`));
      ticks = ticks.filter((tick) => tick >= low && tick <= high);
      if (ticks.length >= 3) break;
    }
    const each = Math.ceil(ticks.length / 6);
    return { ticks: ticks.filter((_, index) => index % each === 0), at: (v) => Math.log(v / low) / Math.log(high / low) };
  }
  function linearAxis(values) {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const rough = Math.max((most - least) / 5, 1e-9);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const [first, last] = [Math.floor(least / step + 1e-9), Math.max(Math.ceil(most / step - 1e-9), Math.floor(least / step + 1e-9) + 1)];
    const ticks = [];
    for (let number = first; number <= last; number += 1) ticks.push(number * step);
    return { ticks, at: (value) => (value - ticks[0]) / (ticks.at(-1) - ticks[0]) };
  }

  function scatter(title, points, x, y) {
    if (points.length === 0) return html("figure", { class: "chart" }, html("figcaption", {}, title), html("p", {}, "None of these networks runs on this chip."));
    const across = logAxis(points.map((point) => point.x));
    const up = (y.log ? logAxis : linearAxis)(points.map((point) => point.y));
    const grid = svg("g", { class: "grid" });
    const below = svg("g", { class: "axis" });
    const beside = svg("g", { class: "axis y" });
    for (const tick of across.ticks) {
      const at = part(across.at(tick));
      grid.append(svg("line", { x1: at, x2: at, y1: "0", y2: "100%" }));
      below.append(svg("text", { x: at, y: "100%", dy: "16" }, short(x.text(tick))));
    }
    below.append(svg("text", { class: "label", x: "50%", y: "100%", dy: "34" }, x.label));
    for (const tick of up.ticks) {
      const at = part(1 - up.at(tick));
      grid.append(svg("line", { x1: "0", x2: "100%", y1: at, y2: at }));
      beside.append(svg("text", { x: "0", y: at, dx: "-6", dy: "4" }, short(y.text(tick))));
    }
    beside.append(svg("text", { class: "label", x: "0", y: "0", dx: "-50", dy: "-12" }, y.label));
    const marks = svg("g", { class: "marks" });
    points.forEach((point, index) => {
      const net = data.networks[point.net];
      const look = looks[net.group];
      const mark = svg("path", { class: `mark ${look.shade}`, d: look.shape, "data-net": point.net, tabindex: index ? "-1" : "0" });
      mark.setAttribute("aria-label", `${net.name}\n${x.text(point.x)}, ${y.text(point.y)}`);
      const link = svg("a", { href: `#${net.name}@${data.chips[chosen.chip].name}`, tabindex: "-1" }, mark);
      marks.append(svg("svg", { x: part(across.at(point.x)), y: part(1 - up.at(point.y)) }, link));
    });
    return html(
      "figure",
      { class: "chart" },
      html("figcaption", {}, title),
      svg("svg", { class: "plot", role: "group", "aria-label": `${title}: ${y.label} over ${x.label}` }, grid, below, beside, marks),
    );
  }

  const ROW = 17;
  // Lines are strong where a network moves by a tenth of the list or more after the first column.
  function bump(columns, entries) {
    const picture = svg("svg", { class: "bump atlas-bump", height: ROW * Math.max(entries.length, 1), role: "group", "aria-label": "ranks of the networks" });
    const head = svg("g", { class: "axis" });
    columns.forEach((name, index) => head.append(svg("text", { x: part(index / (columns.length - 1)), y: "0", dy: "-10" }, name)));
    picture.append(head);
    const places = columns.map((_, column) => {
      const order = entries.map((_, index) => index).sort((a, b) => entries[a].values[column] - entries[b].values[column] || a - b);
      const ranks = [];
      order.forEach((index, rank) => (ranks[index] = rank + 1));
      return ranks;
    });
    entries.forEach((entry, index) => {
      const net = data.networks[entry.net];
      const ranks = columns.map((_, column) => places[column][index]);
      const moved = Math.max(...ranks.slice(1)) - Math.min(...ranks.slice(1));
      const line = svg("g", { class: `mark rank ${looks[net.group].shade}${moved * 10 >= entries.length ? "" : " still"}`, "data-net": entry.net, tabindex: index ? "-1" : "0" });
      line.setAttribute("aria-label", `${net.name}\n${columns.map((name, column) => `${name}: ${ranks[column]}`).join(", ")}`);
      const spots = ranks.map((rank, column) => [part(column / (columns.length - 1)), part((rank - 0.5) / entries.length)]);
      for (let column = 1; column < spots.length; column += 1)
        line.append(svg("line", { x1: spots[column - 1][0], y1: spots[column - 1][1], x2: spots[column][0], y2: spots[column][1] }));
      for (const [x, y] of spots) line.append(svg("circle", { cx: x, cy: y, r: "4" }));
      line.append(svg("text", { class: "before", x: spots[0][0], y: spots[0][1], dx: "-9", dy: "4" }, net.name));
      line.append(svg("text", { class: "after", x: spots.at(-1)[0], y: spots.at(-1)[1], dx: "9", dy: "4" }, net.name));
      picture.append(svg("a", { href: `#${net.name}@${data.chips[chosen.chip].name}`, tabindex: "-1" }, line));
    });
    return html("figure", { class: "chart" }, html("div", { class: "scroll" }, picture));
  }

  function grid(headers, rows, left) {
    const side = (index) => (left.has(index) ? { class: "left" } : {});
    const head = html("tr", {}, ...headers.map((text, index) => html("th", { scope: "col", ...side(index) }, text)));
    const body = rows.map((row) => html("tr", {}, ...row.map((cell, index) => html("td", side(index), cell))));
    return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, head), html("tbody", {}, ...body)));
  }

  const chosen = { chip: Number(chipBox.value), scope: Number(scopeBox.value) };

  function draw() {
    const chip = data.chips[chosen.chip];
    const dataset = data.scopes[chosen.scope].dataset;
    const points = data.networks
      .map((net, index) => ({ net: index, at: net, row: data.rows[place(index, chosen.chip)] }))
      .filter((one) => ran(one.row) && (dataset === null || one.at.dataset === dataset));
    const figures = {
      macs: { label: "MACs", text: count, of: (one) => one.at.macs },
      weights: { label: "weights", text: count, of: (one) => one.at.weights },
      energy: { label: "energy per inference", text: (v) => energyText(v, chip), of: (one) => one.row[ENERGY] },
      latency: { label: "latency", text: (v) => latencyText(v, chip), of: (one) => secondsOf(one.row[CYCLES], chip) },
    };
    const top5 = { label: "top-5 accuracy", text: (value) => `${Number(value.toFixed(2))} %`, log: false };
    const accuracy = document.getElementById("atlas-accuracy");
    accuracy.replaceChildren(
      ...Object.values(figures).map((figure) =>
        scatter(
          `Accuracy against ${figure.label}`,
          points.filter((one) => one.at.top5 !== null).map((one) => ({ net: one.net, x: figure.of(one), y: one.at.top5 })),
          figure,
          top5,
        ),
      ),
    );
    const cost = document.getElementById("atlas-cost");
    cost.replaceChildren(
      ...[figures.energy, figures.latency].map((figure) =>
        scatter(
          `${figure.label[0].toUpperCase()}${figure.label.slice(1)} against MACs`,
          points.map((one) => ({ net: one.net, x: figures.macs.of(one), y: figure.of(one) })),
          figures.macs,
          { ...figure, log: true },
        ),
      ),
    );
    const order = ["weights", "macs", "energy", "latency"];
    document.getElementById("atlas-bump").replaceChildren(
      bump(
        order.map((name) => (name === "macs" ? "MACs" : name)),
        points.map((one) => ({ net: one.net, values: order.map((name) => figures[name].of(one)) })),
      ),
    );
    const orders = data.scopes[chosen.scope].orders[chosen.chip];
    const said = (value) => (value === null ? "-" : value.toFixed(2));
    document.getElementById("atlas-orders").replaceChildren(
      grid(
        ["orders by", "Kendall", "Spearman", "pairs swapped %"],
        orders.map(([first, second, kendall, spearman, swapped]) => [`${first === "macs" ? "MACs" : first} and ${second}`, said(kendall), said(spearman), swapped === null ? "-" : percent(swapped)]),
        new Set([0]),
      ),
    );
    for (const name of document.querySelectorAll(".atlas-name")) name.textContent = chip.name;
    const failed = data.networks.filter((net, index) => !ran(data.rows[place(index, chosen.chip)]) && (dataset === null || net.dataset === dataset));
    document.getElementById("atlas-said").textContent =
      `${chip.name}: dataflow ${chip.dataflow}, ${count(chip.peak)} MACs per cycle at most, ` +
      `${chip.clock === null ? "no clock stated" : `${Number(chip.clock.toFixed(1))} MHz`}; ${points.length} networks` +
      (failed.length ? `; cannot run: ${failed.map((net) => net.name).join(", ")}.` : ".");
  }

  // One network on one chip, layer by layer.
  const dialog = document.getElementById("atlas-layers");
  function bar(share, shade) {
    const picture = svg("svg", { class: "atlas-bar", "aria-hidden": "true" });
    picture.append(svg("rect", { class: shade, x: "0", y: "0", width: part(share), height: "100%" }));
    return picture;
  }
  function openLayers(netIndex, chipIndex) {
    const [net, chip, row] = [data.networks[netIndex], data.chips[chipIndex], data.rows[place(netIndex, chipIndex)]];
    const parts = [html("h2", {}, `${net.title} on ${chip.name}`)];
    if (!ran(row)) parts.push(html("p", {}, `Cannot run: ${row[2]}`));
    else {
      const cycles = row[CYCLES];
      parts.push(
        html("p", {}, `${latencyText(secondsOf(cycles, chip), chip)}, ${energyText(row[ENERGY], chip)}, ${count(net.macs)} MACs, ${count(net.weights)} weights; ` +
          `${percent(row[UTILIZATION])} % of the MAC units used; ` +
          (row[PROVED] === null ? "" : `${percent(row[PROVED])} % of the mappings proved to be the best. `)),
        html("p", {}, "Equal layers are one row, named after the first of them; cycles and energy are of all of them together."),
      );
      const layers = row[LAYERS].map(([layer, ...rest]) => [...net.layers[layer], ...rest]);
      const most = (index) => Math.max(...layers.map((layer) => layer[index]), 1e-30);
      const [C, E] = [4, 5];
      const [mostCycles, mostEnergy] = [most(C), most(E)];
      parts.push(
        grid(
          ["layer", "kind", "layers", "MACs", "cycles", "% of cycles", "", "energy", "% of energy", "", "utilisation %", "bound by", "best proved"],
          layers.map(([name, kind, number, macs, took, spent, used, bound, best]) => [
            name, kind, String(number), macs ? count(macs) : "-", count(took), percent(took / cycles), bar(took / mostCycles, "c0"),
            energyText(spent, chip), percent(spent / row[ENERGY]), bar(spent / mostEnergy, "c1"), macs ? percent(used) : "-",
            data.bounds[bound], best === null ? "-" : best ? "yes" : "no",
          ]),
          new Set([0, 1, 6, 9, 11]),
        ),
      );
    }
    const others = html("p", {}, "On other chips: ");
    data.chips.forEach((other, index) => {
      if (index) others.append(", ");
      others.append(index === chipIndex ? html("b", {}, other.name) : html("a", { href: `#${net.name}@${other.name}` }, other.name));
    });
    parts.push(others);
    document.getElementById("atlas-inside").replaceChildren(...parts);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  // Where a page is: "#network@chip" has its layers open, "#@chip" has the chip chosen.
  function follow() {
    const [name, chip] = decodeURIComponent(location.hash.slice(1)).split("@");
    const chipIndex = data.chips.findIndex((one) => one.name === chip);
    const netIndex = data.networks.findIndex((one) => one.name === name);
    if (chipIndex >= 0 && chipIndex !== chosen.chip) {
      chosen.chip = chipIndex;
      chipBox.value = String(chipIndex);
      draw();
    }
    if (chipIndex >= 0 && netIndex >= 0) openLayers(netIndex, chipIndex);
    else if (dialog.open) dialog.close();
    if (chipIndex >= 0 && name === "") document.getElementById("atlas-controls").scrollIntoView();
  }
  window.addEventListener("hashchange", follow);
  dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.getElementById("atlas-close").addEventListener("click", () => dialog.close());
  chipBox.addEventListener("change", () => {
    chosen.chip = Number(chipBox.value);
    draw();
  });
  scopeBox.addEventListener("change", () => {
    chosen.scope = Number(scopeBox.value);
    draw();
  });

  // A network that is pointed at stands out in every chart.
  const main = document.querySelector(".dnnaccel main");
  function point(event) {
    const mark = event.target.closest?.("[data-net]") ?? null;
    const net = mark === null ? null : mark.dataset.net;
    if (net === (main.dataset.shown ?? null)) return;
    for (const other of main.querySelectorAll(".atlas-on")) other.classList.remove("atlas-on");
    if (net === null) delete main.dataset.shown;
    else {
      main.dataset.shown = net;
      for (const same of main.querySelectorAll(`[data-net="${net}"]`)) same.classList.add("atlas-on");
    }
  }
  main.addEventListener("pointerover", point);
  main.addEventListener("focusin", point);

  draw();
  follow();
}
