// The tool bar of a chart and its keys.

import { steer } from './marker.js';
import { DOUBLE_CLICK, enter } from './select.js';
import { deep, turned } from './space.js';
import { AXIS, TOOLS } from './theme.js';

export function config(chart, Plotly) {         // keep the object while its content is the same: a new one
  const { selectable, drawable, figure } = chart.message; // makes Plotly build the chart anew
  const axes = Object.entries(figure.layout).filter(([name]) => AXIS.test(name));
  const fixed = axes.length > 1 && axes.every(([, axis]) => axis.fixedrange);
  const kind = `${selectable} ${drawable} ${fixed} ${deep(chart)}`;
  if (chart.config?.kind === kind) return chart.config.value;
  const flat = fixed ? [] : ['zoom2d', 'pan2d'];
  const tools = deep(chart) ? ['tableRotation', 'pan3d', 'zoom3d'] : flat;
  if (selectable) tools.push('lasso2d', 'select2d');
  if (drawable) tools.push('drawopenpath');
  const home = { name: 'home', title: 'Reset view', icon: Plotly.Icons.home, click: () => reset(chart) };
  const save = {
    name: 'save', title: 'Download as PNG', icon: Plotly.Icons.camera, click: () => download(chart, Plotly),
  };
  const value = {
    displaylogo: false, responsive: false, plotlyServerURL: '', doubleClickDelay: DOUBLE_CLICK,
    doubleClick: false,                         // `reset` does it, and clears the view
    modeBarButtons: [tools, fixed ? [save] : [home, save]].filter((group) => group.length),
  };
  chart.config = { kind, value };
  return value;
}

function download(chart, Plotly) {
  const { data, layout, clientWidth: width } = chart.node;
  const { height: whole, key } = chart.message;
  const height = whole - TOOLS;
  Plotly.downloadImage({ data, layout }, { format: 'png', scale: 2, width, height, filename: key });
}

export function reset(chart) {
  chart.view.axes = {};
  chart.view.camera = null;
  chart.view.menus = {};
  chart.request();
}

export function keydown(chart, event) {         // + and - zoom, arrows move, 0 resets, Enter clicks
  if (event.target !== chart.root || !chart.Plotly) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '0') return reset(chart);
  if (event.key === 'Enter') return enter(chart);
  const zoom = { '+': 0.8, '=': 0.8, '-': 1.25 }[event.key] ?? 1;
  const dx = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
  const dy = { ArrowDown: -1, ArrowUp: 1 }[event.key] ?? 0;
  if (zoom === 1 && !dx && !dy) return;
  event.preventDefault();                       // do not scroll the page
  if (chart.message.aimed && zoom === 1) return steer(chart, dx, dy);
  if (deep(chart)) {
    const { camera } = chart.node._fullLayout.scene;
    return chart.Plotly.relayout(chart.node, { 'scene.camera': turned(camera, dx, dy, zoom) });
  }
  const change = {};
  for (const [name, axis] of Object.entries(chart.node._fullLayout)) {
    if (!AXIS.test(name) || axis.fixedrange) continue;
    const [low, high] = axis.range.map(axis.r2l);
    const middle = (low + high) / 2 + 0.1 * (high - low) * (name[0] === 'x' ? dx : dy);
    const half = zoom * (high - low) / 2;
    change[`${name}.range`] = [middle - half, middle + half].map(axis.l2r);
  }
  chart.Plotly.relayout(chart.node, change);
}
