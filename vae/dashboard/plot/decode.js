// The decoder's output at the place under the pointer, blended from four decoded tiles.
//
// The tiles arrive once, as one picture (or as 32-bit floats for vectors), with a grid of ranks: the share of
// the mass of q(z) at lower density. Moving the pointer then needs no request.

const SHEETS = new Map();                       // address → promise of its content
const MOST_SHEETS = 12;
const SIZE = 112;                               // pixels of the picture on the screen, about

function content(url, read) {
  const found = SHEETS.get(url) ?? fetch(new URL(url, location.origin)).then((answer) => {
    if (answer.status !== 200) throw Object.assign(new Error(`${url}: ${answer.status}`), { status: answer.status });
    return read(answer);
  });
  SHEETS.delete(url);                           // the last one used is the last to go
  SHEETS.set(url, found);
  found.catch(() => SHEETS.delete(url));        // the next update tries again
  if (SHEETS.size > MOST_SHEETS) SHEETS.delete(SHEETS.keys().next().value);
  return found;
}

const floats = async (answer) => new Float32Array(await answer.arrayBuffer());

async function pixels(answer) {                 // without colour management and scaling
  const how = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };
  const image = await createImageBitmap(await answer.blob(), how);
  const pen = new OffscreenCanvas(image.width, image.height).getContext('2d', { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  return pen.getImageData(0, 0, image.width, image.height).data;
}

export async function learn(chart, decode) {    // fetch the content that `decode` names
  const card = chart.root.querySelector('.vae-plot-place');
  card.style.display = decode ? 'block' : 'none';
  chart.decode = null;
  if (!decode) return;
  const canvas = card.querySelector('canvas');
  canvas.style.display = decode.tiles ? 'block' : 'none';
  if (!decode.tiles) return blank(chart, decode);
  const picture = decode.kind === 'picture';
  const [width, height] = picture ? [decode.width, decode.height] : [SIZE, SIZE];
  Object.assign(canvas, { width, height });     // before the tiles arrive: the card keeps its size
  const scale = Math.max(1, Math.floor(SIZE / Math.max(width, height)));
  canvas.style.width = `${scale * width}px`;
  canvas.style.height = `${scale * height}px`;
  blank(chart, decode);
  const [tiles, ranks] = await Promise.all([
    content(decode.tiles, picture ? pixels : floats), content(decode.ranks, floats),
  ]);
  if (chart.overlay?.decode !== decode) return; // a newer message has arrived
  const pen = canvas.getContext('2d');
  const image = picture ? pen.createImageData(width, height) : null;
  chart.decode = { ...decode, tiles, ranks, pen, image };
  if (chart.pointer) point(chart, chart.pointer);
}

function blank(chart, { words }) {
  const canvas = chart.root.querySelector('.vae-plot-place canvas');
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  say(chart, words, '');
}

function say(chart, first, second) {
  const [upper, lower] = chart.root.querySelectorAll('.vae-plot-place span');
  upper.textContent = first;
  lower.textContent = second;
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
  if (x < decode.x[0] || x > decode.x[1] || y < decode.y[0] || y > decode.y[1]) {
    blank(chart, decode);
    return say(chart, where, 'outside the decoded grid: click');
  }
  show(decode, x, y);
  say(chart, where, trust(decode, x, y));
}

export function away(chart) {
  chart.pointer = null;
  if (chart.decode) blank(chart, chart.decode);
}

const number = (value) => value.toFixed(2).replace('-', '−');

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
  const four = corners(decode, x, y, decode.rows, decode.columns);
  if (decode.kind === 'picture') blendPicture(decode, four);
  else drawVector(decode, blendVector(decode, four));
}

function blendPicture({ tiles, rows, columns, width, height, pen, image }, four) {
  const out = image.data;                       // an array of bytes rounds and clamps
  const stride = 4 * columns * width;
  const from = four.map(([i, j]) => (rows - 1 - i) * height * stride + 4 * j * width);
  const [w0, w1, w2, w3] = four.map(([, , weight]) => weight);
  const [p0, p1, p2, p3] = from;
  for (let v = 0, k = 0; v < height; v++) {
    for (let o = v * stride, end = o + 4 * width; o < end; o++, k++) {
      out[k] = tiles[p0 + o] * w0 + tiles[p1 + o] * w1 + tiles[p2 + o] * w2 + tiles[p3 + o] * w3;
    }
  }
  pen.putImageData(image, 0, 0);
}

function blendVector({ tiles, columns, width: length }, four) {
  return Array.from({ length }, (_, d) => (
    four.reduce((sum, [i, j, weight]) => sum + weight * tiles[(i * columns + j) * length + d], 0)));
}

function drawVector({ pen, range, backdrop, ink }, values) {   // a point in the plane of two features, else a line
  const flat = values.length === 2;
  const inside = (value, [low, high]) => 4 + (SIZE - 8) * (value - low) / (high - low || 1);
  const dot = ([u, v], radius) => {
    pen.beginPath();
    pen.arc(inside(u, range[0]), SIZE - inside(v, range[1]), radius, 0, 7);
    pen.fill();
  };
  pen.clearRect(0, 0, SIZE, SIZE);
  pen.fillStyle = ink.muted;
  if (flat) {
    for (const pair of backdrop) dot(pair, 1);
    pen.fillStyle = ink.accent;
    return dot(values, 4);
  }
  pen.strokeStyle = ink.accent;
  pen.beginPath();
  values.forEach((value, k) => {
    pen.lineTo(inside(k, [0, values.length - 1]), SIZE - inside(value, range[0]));
  });
  pen.stroke();
}
