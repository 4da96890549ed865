// The latent map: points as antialiased discs in one ImageData, fast enough for 60,000 points.
// transport.py concatenates the files of a player into one module.

const PHASES = 4;                               // subpixel positions of a disc along each axis
const EDGE = { left: 46, right: 10, top: 8, bottom: 36 };   // px around the plotting area

function coloursOf(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(`--st-${name}`).trim();
  return {
    shade: style.colorScheme.includes('dark') ? 1 : 0,      // index of the theme in the palette
    text: value('text-color'), border: value('border-color'), background: value('background-color'),
    font: value('font') || 'sans-serif',
  };
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function discs(radius) {                        // for each phase: offsets and coverage of its pixels
  const reach = Math.ceil(radius + 1);
  const all = [];
  for (let phase = 0; phase < PHASES * PHASES; phase++) {
    const [fx, fy] = [(phase % PHASES) / PHASES, Math.floor(phase / PHASES) / PHASES];
    const disc = [];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x - fx, y - fy)));
        if (cover > 0) disc.push(x, y, cover);
      }
    }
    all.push(Float32Array.from(disc));
  }
  return { reach, all };
}

function resize(canvas, width, height, ratio) { // clear a canvas and set its size in CSS pixels
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

function ticks(low, high, most) {               // at most `most` round numbers in a range
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found.map((v) => [v, String(+v.toPrecision(6)).replace('-', '−')]);
}

function prepareMap(player, edge = EDGE, axes = drawAxes) {   // and sizes, the same for all frames
  const { head, colours, canvas } = player;
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.map.parentElement.clientWidth;
  const height = player.height;
  const area = {
    left: edge.left, top: edge.top,
    width: width - edge.left - edge.right, height: height - edge.top - edge.bottom,
  };
  const [x, y] = equalScales(head.range, area, head.one_dimensional);
  const pen = resize(canvas.map, width, height, ratio);
  axes(pen, player, area, x, y);
  const inner = ['left', 'top', 'width', 'height'].map((k) => Math.round(area[k] * ratio));
  const still = pen.getImageData(...inner);
  const radius = Math.min(4.5, Math.max(1.25, 4.5 * (64 / head.count) ** 0.2)) * ratio * (player.dot ?? 1);
  player.map = {
    pen, area, x, y, ratio, inner, still,
    frame: new ImageData(still.width, still.height),
    disc: discs(radius),
    opacity: Math.min(0.9, Math.max(0.5, 0.9 * (64 / head.count) ** 0.09)),
    lut: head.palette[colours.shade].map(rgb),
  };
  Object.assign(canvas.map.dataset, {            // for tests that read the picture
    area: inner.join(' '), x: x.join(' '), y: y.join(' '), radius,
  });
}

function equalScales([x, y], { width, height }, free) {   // unless y has no meaning
  if (free) return [x, y];
  const unit = Math.max((x[1] - x[0]) / width, (y[1] - y[0]) / height);
  const around = ([low, high], length) => {
    const middle = (low + high) / 2;
    return [middle - unit * length / 2, middle + unit * length / 2];
  };
  return [around(x, width), around(y, height)];
}

function drawAxes(pen, player, area, x, y) {
  const { head, colours } = player;
  const muted = head.muted[colours.shade];
  pen.font = `11px ${colours.font}`;
  pen.fillStyle = colours.background;
  pen.fillRect(0, 0, 1e5, 1e5);
  pen.strokeStyle = colours.border;
  pen.fillStyle = muted;
  pen.lineWidth = 1;
  pen.textAlign = 'center';
  const line = (...ends) => { pen.beginPath(); pen.moveTo(ends[0], ends[1]); pen.lineTo(ends[2], ends[3]); pen.stroke(); };
  for (const [value, text] of ticks(...x, area.width / 90)) {
    const at = Math.round(area.left + (value - x[0]) / (x[1] - x[0]) * area.width) + 0.5;
    line(at, area.top, at, area.top + area.height);
    pen.fillText(text, at, area.top + area.height + 14);
  }
  pen.fillText(head.axes[0], area.left + area.width / 2, area.top + area.height + 30);
  if (head.one_dimensional) return;
  pen.textAlign = 'right';
  for (const [value, text] of ticks(...y, area.height / 70)) {
    const at = Math.round(area.top + (y[1] - value) / (y[1] - y[0]) * area.height) + 0.5;
    line(area.left, at, area.left + area.width, at);
    pen.fillText(text, area.left - 6, at + 4);
  }
  pen.textAlign = 'center';
  pen.translate(10, area.top + area.height / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(head.axes[1], 0, 0);
  pen.rotate(Math.PI / 2);
  pen.translate(-10, -area.top - area.height / 2);
}

function drawMap(player) {
  const { map, arrays, head, position, state } = player;
  const i = Math.min(Math.floor(position), head.epoch.length - 1);
  const next = Math.min(i + 1, head.epoch.length - 1);
  const share = position - i;
  const points = state.raw ? arrays.raw : arrays.aligned;
  map.frame.data.set(map.still.data);
  drawPoints(map, points, 2 * head.count * i, 2 * head.count * next, share, arrays.hue, head.count);
  map.pen.putImageData(map.frame, map.inner[0], map.inner[1]);
  if (head.rings) drawCircles(player, i, next, share);
}

function drawPoints(map, points, from, to, share, hue, count) {
  const { frame: { data, width, height }, disc: { reach, all }, x, y, lut, opacity } = map;
  const kx = width / (x[1] - x[0]);
  const ky = height / (y[1] - y[0]);
  for (let n = 0; n < count; n++) {
    const j = 2 * n;
    const px = (points[from + j] * (1 - share) + points[to + j] * share - x[0]) * kx - 0.5;
    const py = (y[1] - points[from + j + 1] * (1 - share) - points[to + j + 1] * share) * ky - 0.5;
    const cx = Math.floor(px);
    const cy = Math.floor(py);
    if (!(cx > -reach && cx < width + reach && cy > -reach && cy < height + reach)) continue;
    const phase = Math.floor((px - cx) * PHASES) + PHASES * Math.floor((py - cy) * PHASES);
    const disc = all[phase];
    const colour = lut[hue[n]];
    for (let k = 0; k < disc.length; k += 3) {
      const qx = cx + disc[k];
      const qy = cy + disc[k + 1];
      if (qx < 0 || qx >= width || qy < 0 || qy >= height) continue;
      const at = 4 * (qy * width + qx);
      const a = disc[k + 2] * opacity;
      data[at] += (colour[0] - data[at]) * a;
      data[at + 1] += (colour[1] - data[at + 1]) * a;
      data[at + 2] += (colour[2] - data[at + 2]) * a;
    }
  }
}

function drawCircles(player, i, next, share) {  // 1 and 2 sigma of the prior around its origin
  const { map: { pen, area, x, y }, arrays, head, state, colours } = player;
  const from = state.raw ? 2 * head.epoch.length : 0;
  const at = (k) => arrays.origin[from + 2 * i + k] * (1 - share) + arrays.origin[from + 2 * next + k] * share;
  const unit = area.width / (x[1] - x[0]);
  pen.save();
  pen.beginPath();
  pen.rect(area.left, area.top, area.width, area.height);
  pen.clip();
  pen.strokeStyle = head.prior[colours.shade];
  pen.setLineDash([2, 3]);
  for (const sigma of [1, 2]) {
    pen.beginPath();
    pen.arc(area.left + (at(0) - x[0]) * unit, area.top + (y[1] - at(1)) * unit, sigma * unit, 0, 7);
    pen.stroke();
  }
  pen.restore();
}
