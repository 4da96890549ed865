// The browser's half of the living chart; __init__.py says how the two halves meet.

import { away, learn, point } from './decode.js';
import { NO_WEBGL, deep, markSpace, press, turned } from './space.js';
import { meant, placeOf } from './near.js';
import { AXIS, dressed, inked, themeOf } from './theme.js';
import { lookAgain, rememberLayout, rememberLegend, restore, viewOf } from './view.js';

const CHARTS = new WeakMap();                   // root element → chart
const NAMED = new Map();                        // key → the chart that has it now
const OVERLAYS = new Map();                     // key → what lies over that chart
const DOUBLE_CLICK = 300;                       // ms between its two clicks, at most

const FEW = 2500;                               // points up to which SVG is drawn sooner than WebGL

let found;
function webgl() {                              // asking takes as long as a drawing: ask once, if at all
  if (found !== undefined) return found;
  const context = document.createElement('canvas').getContext('webgl');
  context?.getExtension('WEBGL_lose_context')?.loseContext();   // a page may hold only a few
  return found = !!context;
}

let loading = null;
export function library(url) {
  return loading ??= new Promise((resolve, reject) => {
    const theirs = window.Plotly;               // st.plotly_chart brings another version: leave it be
    const script = document.createElement('script');
    script.src = new URL(url, location.origin);
    script.onload = () => {
      const ours = window.Plotly;
      if (theirs) window.Plotly = theirs;
      resolve(ours);
    };
    script.onerror = () => {
      loading = null;                           // so that the next update tries again
      script.remove();
      reject(new Error(`${script.src} could not be loaded`));
    };
    document.head.append(script);
  });
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const rowsOf = (base64) => new Uint32Array(bytesOf(base64).buffer);

function bitset(rows) {                         // one bit a row, lowest bit first, as base64
  let last = 0;
  for (const row of rows) last = Math.max(last, row);
  const bits = new Uint8Array((last >> 3) + 1);
  for (const row of rows) bits[row >> 3] |= 1 << (row & 7);
  let text = '';
  for (const byte of bits) text += String.fromCharCode(byte);
  return btoa(text);
}

function rowOf(chart, point) {                  // undefined where a trace shows no rows
  return chart.index ? chart.index[point.curveNumber]?.[point.pointNumber] : point.pointNumber;
}

function click(chart, event) {
  const { clickable, pickable, revision } = chart.message;
  const point = event.points?.length && (chart.near ?? meant(chart, event));   // as it is shown
  const row = point ? rowOf(chart, point) : undefined;
  if (pickable && row !== undefined && !deep(chart)) pick(chart, row, event.event.shiftKey);
  if (!clickable) return;
  if (point) {
    const { curveNumber: trace, x, y } = point;
    chart.component.setTriggerValue('click', { revision, trace, row: row ?? null, x, y });
  } else if (event.xvals) {
    const [x, y] = placeOf(chart, event.event);
    clearTimeout(chart.clicked);                // unless it turns out to be half a double click
    chart.clicked = setTimeout(() => {
      if (performance.now() - chart.doubled < 2 * DOUBLE_CLICK) return;
      chart.component.setTriggerValue('click', { revision, trace: null, row: null, x, y });
    }, DOUBLE_CLICK + 20);
  }
}

function select(chart, points) {
  if (chart.drawing) return;                    // Plotly also reports what a drawing does to it
  const rows = new Set(points.map((point) => rowOf(chart, point)));
  rows.delete(undefined);
  const had = chart.view.rows;
  chart.view.rows = rows.size ? rows : null;
  if (rows.size || had) report(chart);
  if (!rows.size) request(chart);               // nothing caught: nothing stays dimmed
}

function pick(chart, row, add) {                // a click selects; once more lets go; Shift adds
  const { view } = chart;
  const alone = view.rows?.has(row) && (add || view.rows.size === 1);
  const rows = new Set(add ? view.rows : []);
  if (alone) rows.delete(row);
  else rows.add(row);
  view.rows = rows.size ? rows : null;
  report(chart);
  request(chart);
}

function report(chart) {
  const { view, message } = chart;
  chart.reported = view;
  const sent = view.rows && { revision: message.revision, bits: bitset(view.rows) };
  chart.component.setStateValue('selected', sent);
}

function mark(chart, data) {                    // selected rows, wherever their points are by now
  const { rows } = chart.view;
  if (!rows) return;
  data.forEach((trace, curveNumber) => {
    const count = chart.index ? chart.index[curveNumber].length : lengthOf(trace.x);
    const numbers = Array.from({ length: count }, (_, pointNumber) => pointNumber);
    const isIn = (pointNumber) => rows.has(rowOf(chart, { curveNumber, pointNumber }));
    if (count) trace.selectedpoints = numbers.filter(isIn);
  });
}

function lengthOf(values) {
  if (!values?.bdata) return values?.length ?? 0;
  return bytesOf(values.bdata).length / Number(values.dtype.slice(1));
}

function hover(chart, event) {
  const point = meant(chart, event);
  const row = rowOf(chart, point);
  if (deep(chart) && row === chart.hovered) return;   // a scene says so at every frame
  if (!chart.message.tiles || row === undefined) return leave(chart);
  chart.hovered = row;
  chart.hit = event.points;
  chart.near = point;
  const words = [point.text, point.customdata].find((given) => typeof [given].flat()[0] === 'string');
  const label = [words ?? `#${row}`].flat().join(' · ');
  const show = (picture) => {
    if (chart.hovered !== row) return;          // the pointer has moved on meanwhile
    chart.picture.style.display = picture ? 'block' : 'none';
    if (picture) chart.picture.src = picture;
    chart.caption.textContent = label;
    chart.tip.style.display = 'block';
    place(chart, point.bbox);
  };
  const image = new Image();                    // picture and label appear together, or label alone
  image.onload = () => show(image.src);
  image.onerror = () => show(null);
  image.src = new URL(chart.message.tiles.replace('{i}', row), `${location.origin}/`);
}

function place(chart, { x0, x1, y0, y1 }) {
  const { offsetWidth: width, offsetHeight: height } = chart.tip;
  const fits = x1 + 10 + width <= chart.root.clientWidth;
  const x = Math.max(0, fits ? x1 + 10 : x0 - 10 - width);
  const y = Math.min(Math.max(0, (y0 + y1 - height) / 2), chart.root.clientHeight - height);
  chart.tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

function glide(chart, event) {                  // within what Plotly takes for one point
  if (!chart.hit || deep(chart)) return;
  const pointed = { points: chart.hit, event };
  if (rowOf(chart, meant(chart, pointed)) !== chart.hovered) hover(chart, pointed);
}

function leave(chart) {
  chart.hovered = chart.hit = chart.near = null;
  chart.tip.style.display = 'none';
}

function config(chart, Plotly) {                // the same object while it says the same: another one
  const { selectable, figure } = chart.message; // would make Plotly start from scratch
  const axes = Object.entries(figure.layout).filter(([name]) => AXIS.test(name));
  const fixed = axes.length > 1 && axes.every(([, axis]) => axis.fixedrange);
  const kind = `${selectable} ${fixed} ${deep(chart)}`;
  if (chart.config?.kind === kind) return chart.config.value;
  const flat = fixed ? [] : ['zoom2d', 'pan2d'];
  const tools = deep(chart) ? ['tableRotation', 'pan3d', 'zoom3d'] : flat;
  if (selectable) tools.push('lasso2d', 'select2d');
  const home = { name: 'home', title: 'Reset view', icon: Plotly.Icons.home, click: () => reset(chart) };
  const save = {
    name: 'save', title: 'Download as PNG', icon: Plotly.Icons.camera, click: () => download(chart, Plotly),
  };
  const value = {
    displaylogo: false, responsive: false, plotlyServerURL: '', doubleClickDelay: DOUBLE_CLICK,
    doubleClick: false,                         // `reset` does it, and clears the memory
    modeBarButtons: [tools, fixed ? [save] : [home, save]].filter((group) => group.length),
  };
  chart.config = { kind, value };
  return value;
}

function download(chart, Plotly) {
  const { data, layout, clientWidth: width } = chart.node;
  const { height, key } = chart.message;
  Plotly.downloadImage({ data, layout }, { format: 'png', scale: 2, width, height, filename: key });
}

function reset(chart) {
  chart.view.axes = {};
  chart.view.camera = null;
  chart.view.menus = {};
  request(chart);
}

async function draw(chart) {
  const Plotly = await library(chart.message.plotly);
  if (!chart.root.isConnected) return;
  chart.width = chart.node.clientWidth;
  if (!chart.width) return;                     // in a closed tab; `resized` draws when it opens
  const { message, theme } = chart;
  if (deep(chart) && !webgl()) {
    chart.node.textContent = NO_WEBGL;
    return;
  }
  const data = inked(message.figure.data, theme.shade);
  const layout = dressed(inked(message.figure.layout, theme.shade), theme, message);
  const points = data.filter((trace) => trace.type === 'scattergl');
  const count = points.reduce((sum, trace) => sum + lengthOf(trace.x), 0);
  if (count <= FEW || !webgl()) for (const trace of points) trace.type = 'scatter';
  Object.assign(layout, laid(chart));
  lookAgain(chart);
  restore(chart, data, layout);
  (deep(chart) ? markSpace : mark)(chart, data);
  data.push(...inked(laidOver(chart).traces ?? [], theme.shade));
  if (!chart.Plotly) chart.node.replaceChildren();   // what an earlier failure wrote there
  chart.drawing = true;
  try {
    await Plotly.react(chart.node, data, layout, config(chart, Plotly));
    chart.shown = chart.view;
  } finally {
    chart.drawing = false;
  }
  if (!chart.Plotly) listen(chart, Plotly);
  if (chart.view.rows && chart.reported !== chart.view) report(chart);
}

const laidOver = ({ overlay, message }) => (overlay?.revision === message.revision ? overlay : {});

function laid(chart) {                          // the figure's own shapes and notes, and those over it
  const { theme, message: { figure: { layout } } } = chart;
  const over = laidOver(chart);
  const both = (kind) => inked([...(layout[kind] ?? []), ...(over[kind] ?? [])], theme.shade);
  return { shapes: both('shapes'), annotations: both('annotations') };
}

function cover(chart) {                         // put on what has changed over the figure, and no more
  const { overlay } = chart;
  const decode = overlay?.revision === chart.message.revision ? overlay.decode : null;
  const ink = { muted: `${chart.theme.text}80`, accent: chart.theme.accent };
  if (decode) decode.ink = ink;
  learn(chart, decode).catch((error) => console.error('The decoded places did not come', error));
  chart.turn = chart.turn.then(async () => {
    while (performance.now() < chart.handsOff) await pause(50);
    if (!chart.Plotly || !chart.root.isConnected || chart.requested) return;
    chart.drawing = true;
    try {
      await chart.Plotly.relayout(chart.node, laid(chart));
    } finally {
      chart.drawing = false;
    }
  }).catch((error) => console.error('The marks could not be drawn', error));
}

function choose(chart) {                        // rows that Python asks for, once, as if by a lasso
  const { overlay, view, message } = chart;
  if (!overlay?.select || overlay.revision !== message.revision) return;
  const [number, rows] = overlay.select;
  if (view.chosen === number) return;
  view.chosen = number;
  view.rows = rows ? new Set(rowsOf(rows)) : null;
  report(chart);
  request(chart);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function request(chart) {                       // draw once, as soon as the hand is off the chart
  if (chart.requested) return;
  chart.requested = true;
  chart.turn = chart.turn.then(async () => {
    while (performance.now() < chart.handsOff) await pause(50);
    chart.requested = false;
    await draw(chart);
  }).catch((error) => {
    chart.requested = false;
    console.error('The chart could not be drawn', error);
    if (!chart.Plotly) chart.node.textContent = `${error.message}. Reload the page to try again.`;
  });
}

function listen(chart, Plotly) {
  const { node } = chart;
  chart.Plotly = Plotly;
  node.on('plotly_hover', (event) => hover(chart, event));
  node.on('plotly_unhover', () => leave(chart));
  node.on('plotly_click', (event) => click(chart, event));
  node.on('plotly_relayout', (change) => {
    rememberLayout(chart, change);
    if (change['scene.camera']) setTimeout(() => lookAgain(chart), 500);
  });
  node.on('plotly_restyle', () => rememberLegend(chart));
  node.on('plotly_buttonclicked', ({ menu, active }) => { chart.view.menus[menu._index] = active; });
  node.on('plotly_doubleclick', () => {
    chart.doubled = performance.now();
    reset(chart);
  });
  node.on('plotly_selected', (event) => event?.points && select(chart, event.points));
  node.on('plotly_deselect', () => select(chart, []));
}

function resized(chart) {
  const width = chart.node.clientWidth;
  if (width === chart.width) return;
  if (!chart.width || !chart.Plotly) request(chart);
  else if (width) chart.Plotly.Plots.resize(chart.node);
  chart.width = width;
}

function hold(chart) {                          // an update would move the ground under a drag
  chart.handsOff = Infinity;
  const release = () => {
    chart.handsOff = performance.now() + DOUBLE_CLICK + 50;   // it may be half a double click
    for (const end of ['pointerup', 'pointercancel', 'blur']) removeEventListener(end, release, true);
  };
  for (const end of ['pointerup', 'pointercancel', 'blur']) addEventListener(end, release, true);
}

function keydown(chart, event) {                // + and - zoom, arrows move, 0 resets
  if (event.target !== chart.root || !chart.Plotly) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '0') return reset(chart);
  const zoom = { '+': 0.8, '=': 0.8, '-': 1.25 }[event.key] ?? 1;
  const dx = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
  const dy = { ArrowDown: -1, ArrowUp: 1 }[event.key] ?? 0;
  if (zoom === 1 && !dx && !dy) return;
  event.preventDefault();                       // the page itself stays where it is
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

function create(root) {
  const [node, tip] = [root.querySelector('.vae-plot-chart'), root.querySelector('.vae-plot-tip')];
  const [picture, caption] = [tip.querySelector('img'), tip.querySelector('span')];
  const chart = { root, node, tip, picture, caption, turn: Promise.resolve(), handsOff: 0, width: 0 };
  chart.doubled = -Infinity;
  chart.observer = new ResizeObserver(() => resized(chart));
  chart.observer.observe(node);
  node.addEventListener('pointerdown', (event) => {
    hold(chart);
    if (chart.message.pickable) press(chart, event, (row, add) => pick(chart, row, add));
  }, true);
  node.addEventListener('dblclick', () => {
    if (!deep(chart) || chart.hovered !== null) return;
    chart.view.rows = null;
    report(chart);
    reset(chart);
  });
  node.addEventListener('pointermove', (event) => {
    point(chart, event);
    glide(chart, event);
  }, true);
  node.addEventListener('pointerleave', () => away(chart));
  root.addEventListener('keydown', (event) => keydown(chart, event));
  CHARTS.set(root, chart);
  return chart;
}

export function mount(component) {              // when the data or the theme has changed, not else
  const root = component.parentElement.querySelector('.vae-plot');
  const chart = CHARTS.get(root) ?? create(root);
  chart.component = component;
  chart.theme = themeOf(root);
  chart.message = JSON.parse(new TextDecoder().decode(component.data));
  chart.index = chart.message.index?.map(rowsOf);
  const view = viewOf(chart.message);
  if (view !== chart.view) leave(chart);
  chart.view = view;
  chart.node.style.minHeight = `${chart.message.height}px`;     // nothing below it jumps
  root.setAttribute('aria-label', chart.message.label);
  NAMED.set(chart.message.key, chart);
  chart.overlay = OVERLAYS.get(chart.message.key);
  request(chart);
  cover(chart);
  choose(chart);
  return () => setTimeout(() => {               // a superseded run is cleaned up too: look if it is gone
    if (root.isConnected) return;
    chart.observer.disconnect();
    CHARTS.delete(root);
    if (NAMED.get(chart.message.key) === chart) NAMED.delete(chart.message.key);
    chart.Plotly?.purge(chart.node);
  });
}

export function lay(component) {                // what lies over a chart: marks, and the decoder's tiles
  const message = JSON.parse(new TextDecoder().decode(component.data));
  const root = component.parentElement.querySelector('.vae-plot-over');
  OVERLAYS.set(message.key, message);
  const chart = NAMED.get(message.key);
  if (chart) {
    const before = chart.overlay;
    chart.overlay = message;
    cover(chart);
    if (JSON.stringify(before?.traces) !== JSON.stringify(message.traces)) request(chart);
    choose(chart);
  }
  return () => setTimeout(() => {
    if (!root.isConnected && OVERLAYS.get(message.key) === message) OVERLAYS.delete(message.key);
  });
}
