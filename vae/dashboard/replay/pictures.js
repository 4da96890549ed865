// Pictures or vectors beside the map, and curves below it. Pictures switch without blending.

const HAIR = 'rgba(128, 128, 128, 0.44)';
const HELP = 20;                                // px at the right end of the last panel
const CURVES = { height: 146, top: 34, bottom: 32, left: 44, right: 14, gap: 18 };

function arrange(count, layers, [height, width], room) {   // columns and integer scale
  let best = { columns: 1, scale: 0 };
  for (let columns = count; columns >= 1; columns--) {
    const rows = Math.ceil(count / columns);
    const scale = Math.min(
      Math.floor(((room.width + 1) / columns - 1) / width),
      Math.floor(((room.height - 6 * (rows - 1) + 1) / (rows * layers) - 1) / height),
    );
    if (scale > best.scale) best = { columns, scale };
  }
  const { columns, scale } = best.scale ? best : { columns: count, scale: 1 };
  return { columns: Math.ceil(count / Math.ceil(count / columns)), scale };   // rows of equal length
}

// Layers of pictures, one above the other. A layer is [array, index of its first picture].
function drawTiles(player, canvas, layers, count, room) {
  const { height, width, channels } = player.head.picture;
  const { columns, scale } = arrange(count, layers.length, [height, width], room);
  const [down, across] = [height * scale + 1, width * scale + 1];
  const rows = Math.ceil(count / columns);
  const block = layers.length * down + 5;       // px of one row of every layer and a gap
  const pen = resize(canvas, columns * across - 1, rows * block - 6, 1);
  pen.imageSmoothingEnabled = false;
  const sheet = new ImageData(width, height);
  const tile = document.createElement('canvas');
  tile.width = width;
  tile.height = height;
  layers.forEach(([values, start], layer) => {
    for (let n = 0; n < count; n++) {
      const from = (start + n) * height * width * channels;
      for (let k = 0; k < height * width; k++) {
        for (let c = 0; c < 3; c++) sheet.data[4 * k + c] = values[from + k * channels + (channels === 3 ? c : 0)];
        sheet.data[4 * k + 3] = 255;
      }
      tile.getContext('2d').putImageData(sheet, 0, 0);
      const [x, y] = [(n % columns) * across, Math.floor(n / columns) * block + layer * down];
      pen.fillStyle = HAIR;
      pen.fillRect(x, y, across, down);
      pen.clearRect(x, y, across - 1, down - 1);
      pen.drawImage(tile, x, y, across - 1, down - 1);
    }
  });
  Object.assign(canvas.dataset, { columns, scale });
}

// Series: a panel for each example, original and reconstruction over each other, a colour for each of several channels.
function drawSeries(player, canvas, layers, count, room) {
  const { steps, channels, low, high, colours: inks } = player.head.vector;
  const { colours, head } = player;
  const pen = resize(canvas, room.width, room.height, window.devicePixelRatio || 1);
  const columns = Math.max(1, Math.min(count, Math.round(Math.sqrt(count * room.width / room.height / 1.9))));
  const rows = Math.ceil(count / columns);
  const [wide, tall] = [room.width / columns, room.height / rows];
  const [bottom, top] = [Math.min(...low), Math.max(...high)];
  const ink = [colours.text, head.decoded[colours.shade]].slice(-layers.length);
  const value = ([values, start], n, c, t) => values[((start + n) * channels + c) * steps + t];
  const lastStep = (n) => {                     // of the original, after which its reconstruction is not drawn
    for (let t = steps - 1; t >= 0; t--) {
      for (let c = 0; c < channels; c++) if (Number.isFinite(value(layers[0], n, c, t))) return t;
    }
    return -1;
  };
  for (let n = 0; n < count; n++) {
    const [left, ground] = [(n % columns) * wide + 3, (Math.floor(n / columns) + 1) * tall - 3];
    const end = lastStep(n);
    pen.strokeStyle = colours.border;
    pen.beginPath(); pen.moveTo(left, ground + 1); pen.lineTo(left + wide - 6, ground + 1); pen.stroke();
    layers.forEach((layer, l) => {
      for (let c = 0; c < channels; c++) {
        pen.strokeStyle = channels === 1 ? ink[l] : inks[c % inks.length][colours.shade];
        const broad = channels > 1 && l === 0 && layers.length > 1;
        Object.assign(pen, { globalAlpha: broad ? 0.35 : 1, lineWidth: broad ? 3.5 : 1 });
        pen.beginPath();
        for (let t = 0, drawn = false; t <= end; t++) {
          const y = value(layer, n, c, t);
          const at = [left + (wide - 6) * t / Math.max(steps - 1, 1), ground - (tall - 8) * (y - bottom) / (top - bottom)];
          if (Number.isFinite(y)) pen[drawn ? 'lineTo' : 'moveTo'](...at);
          drawn = Number.isFinite(y);
        }
        pen.stroke();
      }
    });
    Object.assign(pen, { globalAlpha: 1, lineWidth: 1 });
  }
}

// Vectors: points in the plane for two features, else one line over the features per example.
function drawVectors(player, canvas, layers, count, room) {
  if (player.head.vector.channels) return drawSeries(player, canvas, layers, count, room);
  const { size, low, high } = player.head.vector;
  const { colours, head } = player;
  const pen = resize(canvas, room.width, room.height, window.devicePixelRatio || 1);
  const pad = { x: 8, y: 18 };
  const plane = size === 2;
  const wide = plane ? high[0] - low[0] : Math.max(size - 1, 1);
  const [bottom, top] = plane ? [low[1], high[1]] : [Math.min(...low), Math.max(...high)];
  const unit = Math.min((room.width - 2 * pad.x) / wide, (room.height - 2 * pad.y) / (top - bottom));
  const kx = plane ? unit : (room.width - 2 * pad.x) / wide;
  const ky = plane ? unit : (room.height - 2 * pad.y) / (top - bottom);
  const left = (room.width - wide * kx) / 2;
  const at = (x, y) => [left + (x - (plane ? low[0] : 0)) * kx, pad.y + (top - y) * ky];
  const value = ([values, start], n, k) => values[(start + n) * size + k];
  const place = (layer, n) => at(value(layer, n, 0), value(layer, n, 1));
  const ink = [colours.text, head.decoded[colours.shade]].slice(-layers.length);
  pen.strokeStyle = colours.border;
  pen.strokeRect(0.5, 0.5, room.width - 1, room.height - 1);
  pen.fillStyle = head.muted[colours.shade];
  pen.font = `11px ${colours.font}`;
  const reach = (name, from, to) => `${name} from ${digits(from)} to ${digits(to)}`;
  if (!head.bare) pen.fillText(plane
    ? `${reach('x1', low[0], high[0])}, ${reach('x2', low[1], high[1])}`
    : `${reach('values', bottom, top)} over ${size} features`, 6, room.height - 6);
  layers.forEach((layer, l) => {
    pen.strokeStyle = pen.fillStyle = ink[l];
    for (let n = 0; n < count; n++) {
      pen.beginPath();
      if (!plane) {
        for (let k = 0; k < size; k++) pen.lineTo(...at(k, value(layer, n, k)));
        if (size === 1) pen.arc(...at(0, value(layer, n, 0)), 3, 0, 7);
        pen.stroke();
      } else if (l === 0 && layers.length === 2) {
        pen.arc(...place(layer, n), 3.5, 0, 7);
        pen.stroke();
      } else {
        if (l) { pen.moveTo(...place(layers[0], n)); pen.lineTo(...place(layer, n)); pen.stroke(); pen.beginPath(); }
        pen.arc(...place(layer, n), 3, 0, 7);
        pen.fill();
      }
    }
  });
}

function drawPictures(player, frame) {
  const { head, arrays, canvas } = player;
  const { reconstructions: m, samples: s } = head.counts;
  const draw = head.picture ? drawTiles : drawVectors;
  const width = canvas.samples.parentElement.clientWidth;
  const height = player.height - 32;            // the second title
  const tall = head.picture ? 2 * m / (2 * m + s) : 0.5;
  const start = frame * (m + s);
  draw(player, canvas.reconstructions, [[arrays.originals, 0], [arrays.decoded, start]], m, { width, height: Math.floor(height * tall) });
  const left = head.picture ? height - canvas.reconstructions.height : Math.floor(height / 2);
  draw(player, canvas.samples, [[arrays.decoded, start + m]], s, { width, height: left });
}

function curveArea(player, k) {                 // plotting area of panel k
  const { curves } = player.head;
  const width = (player.canvas.curves.parentElement.clientWidth - CURVES.gap * (curves.length - 1)) / curves.length;
  return {
    left: k * (width + CURVES.gap) + CURVES.left, top: CURVES.top,
    width: width - CURVES.left - CURVES.right, height: CURVES.height - CURVES.top - CURVES.bottom,
  };
}

function prepareCurves(player) {
  const { head, arrays, canvas, colours } = player;
  const width = canvas.curves.parentElement.clientWidth;
  const pen = resize(canvas.curves, width, head.curves.length ? CURVES.height : 0, window.devicePixelRatio || 1);
  pen.font = `11px ${colours.font}`;
  head.curves.forEach((curve, k) => {
    const area = curveArea(player, k);
    const [low, high] = curve.range;
    const x = (epoch) => area.left + epoch / head.epochs * area.width;
    const y = (value) => area.top + (high - value) / (high - low) * area.height;
    pen.fillStyle = head.muted[colours.shade];
    pen.strokeStyle = colours.border;
    pen.textAlign = 'right';
    for (const [value, text] of ticks(low, high, 4)) {
      pen.beginPath(); pen.moveTo(area.left, y(value)); pen.lineTo(area.left + area.width, y(value)); pen.stroke();
      pen.fillText(text, area.left - 5, y(value) + 4);
    }
    pen.textAlign = 'center';
    for (const [value, text] of ticks(0, head.epochs, 4)) pen.fillText(text, x(value), CURVES.height - 18);
    pen.textAlign = 'right';
    pen.fillText('epoch', area.left + area.width, CURVES.height - 4);
    pen.save();
    pen.beginPath(); pen.rect(area.left, area.top - 1, area.width, area.height + 2); pen.clip();
    pen.strokeStyle = curve.colour[colours.shade];
    pen.lineWidth = 1.6;
    for (const [split, epochs, values] of curve.lines) {
      pen.setLineDash(split === 'val' ? [4, 3] : []);
      pen.beginPath();
      arrays[values].forEach((value, n) => Number.isFinite(value) && pen.lineTo(x(arrays[epochs][n]), y(value)));
      pen.stroke();
    }
    pen.restore();
  });
  player.curves = { pen, still: canvas.curves.width && canvas.curves.height ? pen.getImageData(0, 0, canvas.curves.width, canvas.curves.height) : null };
}

function drawWords({ head, colours, curves: { pen } }, curve, area, values) {   // above a panel, as far as they fit
  const isNarrow = area.width < 150;            // then from the panel's left end, with the values below the title
  const from = area.left - (isNarrow ? CURVES.left : 0);
  const room = area.left + area.width + CURVES.right - from - (isNarrow ? 0 : HELP);
  const write = (text, font, x, y) => {
    pen.font = `${font} ${colours.font}`;
    const width = pen.measureText(text).width;
    if (x + width <= room) pen.fillText(text, from + x, y);
    return x + width <= room ? width : 0;
  };
  pen.textAlign = 'left';
  pen.fillStyle = curve.colour[colours.shade];
  const indent = write(curve.title, '600 13px', 0, 13) + 10;
  const full = values.map((pair) => pair.join(' ')).join(' · ') || 'no report yet';
  if (!isNarrow && write(full, '12px', indent, 13)) {
    pen.fillStyle = head.muted[colours.shade];
    const dashes = curve.lines.map(([split]) => (split === 'val' ? 'dashed: validation' : 'solid: train'));
    write(`nats per example · ${dashes.join(', ')}`, '11px', 0, 27) || write('nats per example', '11px', 0, 27);
  } else if (!write(full, '12px', 0, 28)) write(values.map(([value]) => value).join(' · '), '12px', 0, 28);
}

const digits = (value) => (Math.abs(value) < 1e-6 ? '0.000' : value.toPrecision(4)).replace('-', '−');

function drawCurves(player, epoch) {            // marker at `epoch`, values of the last report
  const { head, arrays, colours, curves: { pen, still }, canvas } = player;
  if (!still) return;
  pen.putImageData(still, 0, 0);
  const marks = [];
  head.curves.forEach((curve, k) => {
    const area = curveArea(player, k);
    const x = area.left + epoch / head.epochs * area.width;
    pen.strokeStyle = head.accent[colours.shade];
    pen.lineWidth = 1.5;
    pen.beginPath(); pen.moveTo(x, area.top); pen.lineTo(x, area.top + area.height); pen.stroke();
    const values = curve.lines.map(([split, epochs, name]) => {
      const last = arrays[epochs].findLastIndex((e, n) => e <= epoch + 1e-4 && Number.isFinite(arrays[name][n]));
      return last < 0 ? null : [digits(arrays[name][last]), split === 'val' ? 'validation' : split];
    }).filter(Boolean);
    drawWords(player, curve, area, values);
    marks.push(x);
  });
  canvas.curves.dataset.marks = marks.map((x) => x.toFixed(2)).join(' ');
}
