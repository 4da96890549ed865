// The decoder's output at the place under the pointer: of the decoder itself, where the browser can compute it,
// else blended from four decoded tiles.
//
// Weights or tiles arrive once, with a grid of ranks: the share of the mass of q(z) at lower density. Moving the
// pointer then needs no request.

import { content, floats, pixels } from './content.js';
import { decoderOf } from './decoder.js';
import { painterOf } from './painter.js';
import { latentsAt } from './plane.js';
import { write } from './text.js';

const SIZE = 112;                               // pixels of the picture on the screen, about

export async function learn(chart, decode) {    // fetch the content that `decode` names
  const card = chart.root.querySelector('.vae-plot-place');
  card.style.display = decode ? 'block' : 'none';
  chart.decode = null;
  if (!decode) return;
  const canvas = card.querySelector('canvas');
  canvas.style.display = decode.form ? 'block' : 'none';
  if (!decode.form) return say(chart, decode.words, '');
  const painter = painterOf(canvas, decode.form, SIZE);   // before the content arrives: the card keeps its size
  blank(chart, { ...decode, painter });
  const [source, ranks] = await Promise.all([sourceOf(decode), content(decode.ranks, floats)]);
  if (chart.overlay?.decode !== decode) return; // a newer message has arrived
  chart.decode = { ...decode, ...source, ranks, painter };
  if (chart.pointer) point(chart, chart.pointer);
}

async function sourceOf({ form, exact, tiles }) {
  if (exact) return { decoder: decoderOf(exact.recipe, await content(exact.weights, floats)) };
  return { tiles: await content(tiles, form.shape.length === 3 ? pixels : floats) };
}

function blank(chart, { words, painter }) {
  painter.clear();
  say(chart, words, '');
}

function say(chart, first, second) {
  const [upper, lower] = chart.root.querySelectorAll('.vae-plot-place span');
  write(upper, first);
  write(lower, second);
}

function cell(value, [low, high], count) {      // the grid line before a value, and the share of the way to the next
  const place = Math.min(Math.max((value - low) / (high - low), 0), 1) * (count - 1);
  const first = Math.min(count - 2, Math.floor(place));
  return [first, place - first];
}

export function point(chart, event) {           // in the handler itself: a picture is some thousand sums
  chart.pointer = event;
  const { decode, node } = chart;
  const { xaxis, yaxis } = node._fullLayout ?? {};
  if (!decode || !xaxis) return;
  const box = node.getBoundingClientRect();
  const [px, py] = [event.clientX - box.left - xaxis._offset, event.clientY - box.top - yaxis._offset];
  if (px < 0 || py < 0 || px > xaxis._length || py > yaxis._length) return blank(chart, decode);
  const [x, y] = [xaxis.p2l(px), yaxis.p2l(py)];
  const where = decode.axes.map((name, k) => name && `${name} ${number([x, y][k])}`).filter(Boolean).join('\n');
  const beyond = x < decode.x[0] || x > decode.x[1] || y < decode.y[0] || y > decode.y[1];
  if (beyond && !decode.decoder) {
    blank(chart, decode);
    return say(chart, where, 'outside the decoded grid: click');
  }
  show(decode, x, y);
  say(chart, where, beyond ? '' : trust(decode, x, y));
}

export function away(chart) {
  chart.pointer = null;
  if (chart.decode) blank(chart, chart.decode);
}

export const number = (value) => value.toFixed(2).replace('-', '−');

function corners(decode, x, y, rows, columns) { // four places of the grid with their weights
  const [[i, b], [j, a]] = [cell(y, decode.y, rows), cell(x, decode.x, columns)];
  return [[i, j, (1 - a) * (1 - b)], [i, j + 1, a * (1 - b)], [i + 1, j, (1 - a) * b], [i + 1, j + 1, a * b]];
}

function trust(decode, x, y) {
  const { lines, ranks, trust: words } = decode;
  if (!words.length) return '';
  const four = corners(decode, x, y, lines, lines);
  const share = four.reduce((sum, [i, j, weight]) => sum + weight * ranks[i * lines + j], 0);
  const [, word] = words.find(([below]) => share < below) ?? words[words.length - 1];
  return `${word}: denser than ${(100 * share).toFixed(share < 0.1 ? 1 : 0)} % of q(z)`;
}

function show(decode, x, y) {
  const { painter, decoder, exact, ink, form } = decode;
  if (decoder) return painter.values(decoder(latentsAt(exact.plane, [x, y]), exact.label), ink);
  const four = corners(decode, x, y, decode.rows, decode.columns);
  if (form.shape.length === 3) painter.bytes((out) => blendPicture(decode, four, out));
  else painter.values(blendVector(decode, four), ink);
}

function blendPicture({ tiles, rows, columns, form: { shape: [, height, width] } }, four, out) {
  const stride = 4 * columns * width;           // `out`, an array of bytes, rounds and clamps
  const from = four.map(([i, j]) => (rows - 1 - i) * height * stride + 4 * j * width);
  const [w0, w1, w2, w3] = four.map(([, , weight]) => weight);
  const [p0, p1, p2, p3] = from;
  for (let v = 0, k = 0; v < height; v++) {
    for (let o = v * stride, end = o + 4 * width; o < end; o++, k++) {
      out[k] = tiles[p0 + o] * w0 + tiles[p1 + o] * w1 + tiles[p2 + o] * w2 + tiles[p3 + o] * w3;
    }
  }
}

function blendVector({ tiles, columns, form: { shape } }, four) {
  const length = shape.reduce((product, n) => product * n, 1);
  return Array.from({ length }, (_, d) => (
    four.reduce((sum, [i, j, weight]) => sum + weight * tiles[(i * columns + j) * length + d], 0)));
}
