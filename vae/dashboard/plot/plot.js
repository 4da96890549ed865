// The chart in the browser; __init__.py describes the messages between it and Python.

import { missing } from './content.js';
import { away, learn, point } from './decode.js';
import { fitLegend, fitNotes, fitTicks, fitTitles, separate } from './labels.js';
import { library, webgl } from './library.js';
import { drawnLine } from './line.js';
import { mark as put, NAMED, stand } from './marker.js';
import { lengthOf, rowsOf } from './rows.js';
import { DOUBLE_CLICK, click, mark, pick, report, select } from './select.js';
import { NO_WEBGL, deep, markSpace, press } from './space.js';
import { enlarger, follows, heightOf } from './stage.js';
import { dressed, inked, penOf, themeOf } from './theme.js';
import { glide, hover, leave } from './tip.js';
import { config, keydown, reset } from './tools.js';
import { lookAgain, rememberLayout, rememberLegend, restore, viewOf } from './view.js';

export { library };

const CHARTS = new WeakMap();                   // root element → chart
const OVERLAYS = new Map();                     // key → the message of `overlay`
const CARD = 44;                                // pixels below the decoded picture (plot.css)
const FEW = 2500;                               // points up to which SVG is faster than WebGL

async function draw(chart) {
  const Plotly = await library(chart.message.plotly);
  if (!chart.root.isConnected) return;
  chart.width = chart.node.clientWidth;
  if (!chart.width) return;                     // in a closed tab: `resized` draws when it opens
  const { message, theme } = chart;
  if (deep(chart) && !webgl()) {
    chart.node.textContent = NO_WEBGL;
    return;
  }
  const large = enlarger(chart.width);
  const data = large(inked(message.figure.data, theme.shade));
  const layout = large(dressed(inked(message.figure.layout, theme.shade), theme, message));
  layout.height = heightOf(chart);
  chart.node.style.minHeight = `${layout.height}px`;   // nothing below the chart moves
  fitLegend(data, layout, chart.width, cardOf(chart));
  fitTicks(layout, chart.width);
  fitTitles(layout, chart.width);
  const points = data.filter((trace) => trace.type === 'scattergl');
  const count = points.reduce((sum, trace) => sum + lengthOf(trace.x), 0);
  if (count <= FEW || !webgl()) for (const trace of points) trace.type = 'scatter';
  Object.assign(layout, laid(chart));
  lookAgain(chart);
  restore(chart, data, layout);
  (deep(chart) ? markSpace : mark)(chart, data);
  data.push(...inked(laidOver(chart).traces ?? [], theme.shade));
  if (!chart.Plotly) chart.node.replaceChildren();   // the message of an earlier failure
  chart.drawing = true;
  chart.finished = false;
  try {
    await Plotly.react(chart.node, data, layout, config(chart, Plotly));
    chart.shown = chart.view;
  } finally {
    chart.drawing = false;
  }
  if (!chart.finished) finish(chart);           // the first drawing: nobody has listened
  if (!chart.Plotly) listen(chart, Plotly);
  if (chart.view.rows && chart.reported !== chart.view) report(chart);
}

function finish(chart) {                        // put in place all that Plotly does not draw
  chart.finished = true;
  stand(chart);
  separate(chart);
}

const laidOver = ({ overlay, message }) => (overlay?.revision === message.revision ? overlay : {});

// Pixels up to the upper edge of the decoded picture, which stands at the right, except on a phone (plot.css).
function cardOf(chart) {
  if (!laidOver(chart).decode || innerWidth <= 640) return 0;
  return CARD + chart.root.querySelector('.vae-plot-place').offsetHeight;
}

function laid(chart) {                          // shapes and annotations of figure and overlay
  const { theme, message: { figure: { layout } } } = chart;
  const over = laidOver(chart);
  const both = (kind) => inked([...(layout[kind] ?? []), ...(over[kind] ?? [])], theme.shade);
  const shown = ({ name }) => !name || (chart.view.visible[name] ?? true) === true;   // as its trace
  const large = enlarger(chart.width);
  const annotations = fitNotes(large(both('annotations').filter(shown)), chart.width, theme);
  return { shapes: large(both('shapes')), annotations };
}

function cover(chart) {                         // draw the overlay, without the figure
  const { overlay } = chart;
  const decode = overlay?.revision === chart.message.revision ? overlay.decode : null;
  if (decode) decode.ink = penOf(chart.theme);
  learn(chart, decode).then(() => { chart.missed = 0; }, (error) => missing(chart, overlay.component, error));
  layMarks(chart);
}

function layMarks(chart) {                      // draw shapes and annotations alone
  if (chart.requested) return;                  // that drawing has them: a second one takes as long
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

function choose(chart) {                        // select the rows of a message, once for each number
  const { overlay, view, message } = chart;
  if (!overlay?.select || overlay.revision !== message.revision) return;
  const [number, rows] = overlay.select;
  if (view.chosen === number) return;
  view.chosen = number;
  view.rows = rows ? new Set(rowsOf(rows)) : null;
  report(chart);
  request(chart);
}

let last = Promise.resolve();

function alone() {                              // wait until no other chart is drawn in this task of the browser
  last = last.then(() => pause(0));
  return last;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function request(chart) {                       // draw once, as soon as no pointer is down on the chart
  if (chart.requested) return;
  chart.requested = true;
  chart.turn = chart.turn.then(async () => {
    while (performance.now() < chart.handsOff) await pause(50);
    await alone();
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
  node.on('plotly_afterplot', () => finish(chart));
  node.on('plotly_relayouting', () => stand(chart));
  node.on('plotly_hover', (event) => hover(chart, event));
  node.on('plotly_unhover', () => leave(chart));
  node.on('plotly_click', (event) => click(chart, event));
  node.on('plotly_relayout', (change) => {
    const places = drawnLine(chart, change);
    if (places) {
      chart.component.setTriggerValue('path', { revision: chart.message.revision, places });
      layMarks(chart);                          // without the line: the map draws the path itself
    }
    rememberLayout(chart, change);
    if (change['scene.camera']) setTimeout(() => lookAgain(chart), 500);
  });
  node.on('plotly_restyle', () => {
    if (chart.drawing) return;
    rememberLegend(chart);
    layMarks(chart);
  });
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
  chart.width = width;
  request(chart);                               // titles break where the new width requires it
}

function hold(chart) {                          // no update during a drag
  chart.handsOff = Infinity;
  const release = () => {
    chart.handsOff = performance.now() + DOUBLE_CLICK + 50;   // a double click may follow
    for (const end of ['pointerup', 'pointercancel', 'blur']) removeEventListener(end, release, true);
  };
  for (const end of ['pointerup', 'pointercancel', 'blur']) addEventListener(end, release, true);
}

function create(root) {
  const [node, tip] = [root.querySelector('.vae-plot-chart'), root.querySelector('.vae-plot-tip')];
  const [picture, caption] = [tip.querySelector('img'), tip.querySelector('span')];
  const ring = root.querySelector('.vae-plot-ring');
  const chart = { root, node, tip, ring, picture, caption, turn: Promise.resolve(), handsOff: 0, width: 0 };
  chart.request = () => request(chart);
  chart.doubled = -Infinity;
  chart.observer = new ResizeObserver(() => resized(chart));
  chart.observer.observe(node);
  chart.turned = () => request(chart);          // to the stage or back
  chart.grown = () => follows(chart) && request(chart);
  addEventListener('vae-stage', chart.turned);
  addEventListener('resize', chart.grown);
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

export function mount(component) {              // called when the data or the theme has changed
  const root = component.parentElement.querySelector('.vae-plot');
  const chart = CHARTS.get(root) ?? create(root);
  chart.component = component;
  chart.theme = themeOf(root);
  chart.message = JSON.parse(new TextDecoder().decode(component.data));
  chart.index = chart.message.index?.map(rowsOf);
  const view = viewOf(chart.message);
  if (view !== chart.view) leave(chart);
  chart.view = view;
  chart.node.style.minHeight = `${heightOf(chart)}px`;
  root.setAttribute('aria-label', chart.message.label);
  if (chart.aimed && !chart.message.aimed) put(chart.message.key, '', null);
  root.classList.toggle('vae-plot-aimed', chart.aimed = chart.message.aimed);
  NAMED.set(chart.message.key, chart);
  chart.overlay = OVERLAYS.get(chart.message.key);
  request(chart);
  cover(chart);
  choose(chart);
  return () => setTimeout(() => {               // also called for an update: is the node gone?
    if (root.isConnected) return;
    chart.observer.disconnect();
    removeEventListener('vae-stage', chart.turned);
    removeEventListener('resize', chart.grown);
    CHARTS.delete(root);
    if (NAMED.get(chart.message.key) === chart) NAMED.delete(chart.message.key);
    chart.Plotly?.purge(chart.node);
  });
}

export function lay(component) {                // called when the overlay of a chart has changed
  const message = JSON.parse(new TextDecoder().decode(component.data));
  message.component = component;
  const root = component.parentElement.querySelector('.vae-plot-over');
  OVERLAYS.set(message.key, message);
  const chart = NAMED.get(message.key);
  if (chart) {
    const before = chart.overlay;
    chart.overlay = message;
    cover(chart);
    const seen = (one) => JSON.stringify([one?.traces, Boolean(one?.decode)]);
    if (seen(before) !== seen(message)) request(chart);
    choose(chart);
  }
  return () => setTimeout(() => {
    if (!root.isConnected && OVERLAYS.get(message.key) === message) OVERLAYS.delete(message.key);
  });
}
