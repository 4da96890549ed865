// A decoded example on a canvas: a picture in crisp pixels; of vectors a point in the plane of two features,
// or a line over the features; of series a curve over time for each channel.

import { pixelsOf } from './decoder.js';

const LOW = 0.62;                               // height of a series in its width

export function painterOf(canvas, form, size) { // `size`: pixels on the screen, about
  const flat = form.shape.length === 2 ? Math.round(LOW * size) : size;   // height of what is no picture
  const [channels, height, width] = form.shape.length === 3 ? form.shape : [0, flat, size];
  Object.assign(canvas, { width, height });
  const scale = Math.max(1, Math.floor(size / Math.max(width, height)));
  canvas.style.width = `${scale * width}px`;
  canvas.style.height = `${scale * height}px`;
  const pen = canvas.getContext('2d');
  const image = channels ? pen.createImageData(width, height) : null;
  const show = () => pen.putImageData(image, 0, 0);
  return {
    clear: () => pen.clearRect(0, 0, width, height),
    bytes(fill) {                               // `fill` writes red, green, blue and opacity of each pixel
      fill(image.data);
      show();
    },
    values(values, ink) {                       // E[x|z]
      if (form.shape.length === 2) return drawSeries(pen, form, values, ink, width, height);
      if (!image) return drawVector(pen, form, values, ink, size);
      pixelsOf(values, form.shape, image.data);
      show();
    },
  };
}

function drawSeries(pen, { shape: [channels, steps], range }, values, ink, width, height) {
  pen.clearRect(0, 0, width, height);
  for (let c = 0; c < channels; c++) {
    const [low, high] = range[c];
    pen.strokeStyle = channels === 1 ? ink.accent : ink.channels[c % ink.channels.length];
    pen.beginPath();
    for (let t = 0; t < steps; t++) {
      const share = (values[c * steps + t] - low) / (high - low || 1);
      pen.lineTo(4 + (width - 8) * t / Math.max(steps - 1, 1), height - 4 - (height - 8) * share);
    }
    pen.stroke();
  }
}

function drawVector(pen, { range, backdrop }, values, ink, size) {
  const flat = values.length === 2;
  const inside = (value, [low, high]) => 4 + (size - 8) * (value - low) / (high - low || 1);
  const dot = ([u, v], radius) => {
    pen.beginPath();
    pen.arc(inside(u, range[0]), size - inside(v, range[1]), radius, 0, 7);
    pen.fill();
  };
  pen.clearRect(0, 0, size, size);
  pen.fillStyle = ink.muted;
  if (flat) {
    for (const pair of backdrop) dot(pair, 1);
    pen.fillStyle = ink.accent;
    return dot(values, 4);
  }
  pen.strokeStyle = ink.accent;
  pen.beginPath();
  values.forEach((value, k) => {
    pen.lineTo(inside(k, [0, values.length - 1]), size - inside(value, range[k]));
  });
  pen.stroke();
}
