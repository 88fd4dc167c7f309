"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const settings = { responsive: true, displaylogo: false, showSendToCloud: false };
  for (const [key, chart] of Object.entries(charts)) {
    Plotly.newPlot("chart-" + key, chart.data, chart.layout, settings);
  }
})();
