// A decoded example on a canvas: a picture in crisp pixels; of vectors a point in the plane of two features,
// or a line over the features.

import { pixelsOf } from './decoder.js';

export function painterOf(canvas, form, size) { // `size`: pixels on the screen, about
  const [channels, height, width] = form.shape.length === 3 ? form.shape : [0, size, size];
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
      if (!image) return drawVector(pen, form, values, ink, size);
      pixelsOf(values, form.shape, image.data);
      show();
    },
  };
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
