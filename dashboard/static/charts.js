// Draws the figures of the page in the colours of the current scheme; print is always light.
"use strict";

(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const palettes = read("palettes");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 44rem)");
  const config = { displayModeBar: false, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: true };
  const PRINTED_PX = 660; // between the margins of A4
  let printing = false;

  const palette = () => palettes[dark.matches && !printing ? "dark" : "light"];

  // Each coloured part of a figure names its role; this applies the colours of a palette to all parts.
  const dressed = (figure) => {
    const { data, layout } = structuredClone(figure);
    const colors = palette();
    for (const trace of data) {
      if (trace.line) trace.line.color = colors[trace.meta];
      if (trace.marker) trace.marker.color = colors[trace.meta];
      if (trace.error_x) trace.error_x.color = colors[trace.meta];
      if (trace.textfont) trace.textfont.color = colors.ink;
      // On a narrow page the diamonds would cover the titles, so the table names them. A point's number stands beside it.
      if (trace.text && trace.type === "bar" && narrow.matches) trace.textposition = "none";
    }
    layout.font.color = colors.muted;
    layout.hoverlabel = { bgcolor: colors.surface, bordercolor: colors.axis, font: { color: colors.ink, size: 13 } };
    for (const name of Object.keys(layout)) {
      if (name.startsWith("xaxis")) Object.assign(layout[name], { linecolor: colors.axis, tickcolor: colors.axis, gridcolor: colors.grid });
      if (name.startsWith("yaxis")) Object.assign(layout[name], { gridcolor: colors.grid, zerolinecolor: colors.axis });
      if (name.startsWith("yaxis") && layout[name].tickfont) layout[name].tickfont.color = colors.ink;
    }
    for (const shape of layout.shapes) {
      if (shape.type === "rect") shape.fillcolor = colors[shape.name];
      else shape.line.color = colors[shape.name];
    }
    for (const note of layout.annotations) {
      const [role, label] = note.name.split(" ");
      note.font.color = colors[role];
      // On a narrow page the legend above the chart names the lines, which leaves more room for them.
      if (label) note.visible = !narrow.matches || printing;
      else if (role === "muted" && narrow.matches && !printing) note.text = note.text.split(" ")[0]; // a milestone by its code
    }
    if (printing) Object.assign(layout, { width: PRINTED_PX, autosize: false });
    if (narrow.matches && !printing) {
      Object.assign(layout.margin, { l: layout.yaxis.type ? layout.margin.l : Math.min(layout.margin.l, 40), r: 12 });
      layout.xaxis.nticks = 5;
      if (layout.xaxis.ticktext?.length > 3) layout.xaxis.ticktext = layout.xaxis.ticktext.map((label, place) => (place % 2 ? "" : label));
      if (layout.xaxis.type === "date") layout.xaxis.tickvals = layout.xaxis.tickvals?.filter((_, place) => place % 4 === 0);
    }
    return { data, layout };
  };

  const charts = new Map(); // place -> the figure drawn there, and its text

  // Draws new charts, and redraws those whose figure has changed.
  const draw = () => {
    for (const place of charts.keys()) if (!place.isConnected) charts.delete(place);
    for (const place of document.querySelectorAll(".chart[data-figure]")) {
      const text = document.getElementById(place.dataset.figure).textContent;
      const before = charts.get(place);
      if (before?.text === text) continue;
      const figure = JSON.parse(text);
      const { data, layout } = dressed(figure);
      if (!before) place.replaceChildren();
      Plotly[before ? "react" : "newPlot"](place, data, layout, config);
      charts.set(place, { figure, text });
    }
    for (const button of document.querySelectorAll("button[data-picture]")) button.hidden = false;
  };

  const redress = () => {
    for (const [place, { figure }] of charts) {
      const { data, layout } = dressed(figure);
      Plotly.react(place, data, layout, config);
    }
  };
  dark.addEventListener("change", redress);
  narrow.addEventListener("change", redress);
  addEventListener("beforeprint", () => { printing = true; redress(); });
  addEventListener("afterprint", () => { printing = false; redress(); });

  draw();
  addEventListener("milepost:changed", draw);
  document.addEventListener("click", ({ target }) => {
    const name = target.closest("button[data-picture]")?.dataset.picture;
    if (!name) return;
    const place = document.getElementById(name);
    const { data, layout } = charts.get(place).figure;
    Plotly.downloadImage(
      { data, layout: { ...layout, paper_bgcolor: palettes.light.surface } },
      { format: "svg", width: 1120, height: place.clientHeight, filename: `milepost-${name}` },
    );
  });
})();
