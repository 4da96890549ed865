// Labels that fit the chart's size on the screen, which Python does not know.

import { AXIS } from './theme.js';

const SLACK = 2;                                // pixels that two labels may share
const SIDE = 4;                                 // pixels between the names of two places
const LEAST = 0.52;                             // of a chart's width, for its plot beside a legend
const MOST = 0.35;                              // of a chart's height, for a legend of names that the plot shows
const GAPS = 26, LINE = 1.6;                   // px of an entry beside symbol and name; height in sizes of its letters

export function fitLegend(data, layout, width, card = 0) {   // below a chart without room beside it, above a card of this height
  const { legend, showlegend, margin, height } = layout;
  const names = data.filter((trace) => trace.name && trace.showlegend !== false).map((trace) => trace.name);
  if (!showlegend || !(legend.x > 1) || !names.length) return;
  const { l = 0, r = 0, t = 0, b = 0 } = margin ?? {}, size = legend.font?.size ?? 12;
  const widest = Math.max(...names.map((name) => wide(name, size, layout.font.family)));
  const entry = (legend.itemwidth ?? 30) + GAPS + widest;
  const column = (names.length + 1) * LINE * size;   // with the title
  const isLow = card > 0 && column > height - t - card;
  if (width - l - Math.max(r, entry) >= LEAST * width && !isLow) return;
  const across = Math.max(1, Math.floor((width - l - 12) / entry));
  const high = Math.ceil(names.length / across) * LINE * size;
  const direct = new Set(layout.annotations?.map(({ name }) => name));
  layout.showlegend = high < MOST * height || !names.some((name) => direct.has(name));
  layout.legend = { ...legend, orientation: 'h', x: 0, y: 0, yref: 'container', yanchor: 'bottom', title: {} };
  layout.margin = { ...margin, r: card ? r : 12, b: layout.showlegend ? b + high : b };
}

export function fitTicks(layout, width) {       // names below an axis that would touch: fewer numbers, slanted words
  const { l = 0, r = 0 } = layout.margin ?? {};
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^xaxis/.test(name) || axis.tickangle !== 0 || !Array.isArray(axis.ticktext)) continue;
    const { ticktext: words, tickvals: places, domain: [low, high] = [0, 1] } = axis;
    const size = axis.tickfont?.size ?? 12;
    const room = (high - low) * (width - l - r) / Math.max(words.length, 1);
    const step = Math.ceil((Math.max(...words.map((word) => wide(word, size, layout.font.family))) + SIDE) / room);
    if (!(step > 1)) continue;
    const last = (_, k) => (k + 1) % step === 0;
    const fewer = { ticktext: words.filter(last), tickvals: places.filter(last) };
    Object.assign(axis, words.every((word) => /\d$/.test(word)) ? fewer : { tickangle: -30 });
  }
}

export function fitTitles(layout, width) {      // break the title of an axis that is shorter than it
  const { l, r, t, b } = { l: 0, r: 0, t: 0, b: 0, ...layout.margin };
  for (const [name, axis] of Object.entries(layout)) {
    if (!AXIS.test(name) || !axis.title?.text) continue;
    const [low, high] = axis.domain ?? [0, 1], middle = (low + high) / 2;
    const across = l + middle * (width - l - r), up = b + middle * (layout.height - t - b);
    const room = 2 * (name[0] === 'x' ? Math.min(across, width - across) : Math.min(up, layout.height - up));
    const size = axis.title.font?.size ?? layout.font.size;
    axis.title.text = broken(axis.title.text, room, size, layout.font.family);
    const more = axis.title.text.split('<br>').length - 1;
    if (name === 'xaxis' && more) layout.margin = { ...layout.margin, b: b + more * 1.3 * size };
  }
}

export function fitNotes(annotations, width, { font }) {   // break the texts that are wider than the chart
  return annotations.map((one) => ({ ...one, text: broken(one.text ?? '', width - 16, one.font?.size ?? 12, font) }));
}

const pen = document.createElement('canvas').getContext('2d');

function wide(text, size, family) {             // pixels, without markup
  pen.font = `${size}px ${family}`;
  return pen.measureText(text.replace(/<[^>]*>/g, '')).width;
}

function broken(text, room, size, family) {     // into lines that fit, between words
  const fits = (part) => wide(part, size, family) < room;
  if (text.includes('<br') || fits(text)) return text;
  const lines = [];
  for (const word of text.split(' ')) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join('<br>');
}

export function separate(chart) {               // hide each label that lies over an earlier one; none is cut
  const own = chart.message.figure.layout.annotations?.length ?? 0;
  const labels = [...chart.node.querySelectorAll('.infolayer .annotation')];
  const isMark = (node) => Number(node.dataset.index) >= own;   // of the overlay: these come first
  const shown = [], frame = chart.node.getBoundingClientRect();
  for (const node of labels) moveInto(node, chart, frame);
  const plots = [...chart.node.querySelectorAll('.nsewdrag')].map((plot) => plot.getBoundingClientRect());
  const isCut = (box) => !plots.some(({ left, right }) => box.left >= left && box.right <= right);
  const points = [...chart.node.querySelectorAll('.textpoint')];   // words beside points, which the plot clips
  for (const node of [...labels.filter(isMark), ...labels.filter((label) => !isMark(label)), ...points]) {
    const box = boxOf(node);
    const isCovered = shown.some((other) => touch(box, other)) || (points.includes(node) && isCut(box));
    node.style.visibility = isCovered ? 'hidden' : '';
    if (!isCovered) shown.push(box);
  }
}

function moveInto(node, { node: { _fullLayout: layout } }, frame) {   // the chart; the plot, for a centred label of a place in it
  node.style.transform = '';
  const one = layout.annotations[node.dataset.index], axis = layout[`xaxis${one?.xref?.slice(1) ?? ''}`];
  const isInside = /^x/.test(one?.xref) && one.xanchor !== 'left' && one.xanchor !== 'right';
  const low = frame.left + (isInside && axis ? axis._offset : 0);
  const high = isInside && axis ? low + axis._length : frame.right;
  const { left, right } = boxOf(node);
  const across = left < low ? low - left : Math.min(high - right, 0);
  if (across && right - left < high - low) node.style.transform = `translateX(${across}px)`;
}

const boxOf = (node) => (node.querySelector('text') ?? node).getBoundingClientRect();

function touch(a, b) {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return across > SLACK && down > 0.3 * Math.min(a.height, b.height);   // boxes are higher than letters
}
