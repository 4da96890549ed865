// Small networks in the browser: decoders z → E[x|z] and encoders, as `vae/analysis/portable.py` describes them.
//
// A layer reads the numbers of the layer before and writes into an array of its own, so that a pass needs
// no new memory. All arrays hold 32-bit numbers; sums of products have 64 bits.

const erf = (x) => {                            // to 1e-7 (Press et al. 2007, Numerical Recipes, section 6.2)
  const t = 2 / (2 + Math.abs(x));
  const c = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const rest = t * Math.exp(-x * x + c.reduceRight((sum, v) => sum * t + v, 0));
  return x < 0 ? rest - 1 : 1 - rest;
};

const sigmoid = (v) => 1 / (1 + Math.exp(-v));

export const ACTIVATIONS = {
  relu: (v) => (v < 0 ? 0 : v),
  tanh: Math.tanh,
  gelu: (v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)),
  silu: (v) => v * sigmoid(v),
};

function dot(a, i, b, j, count) {               // four sums at once
  let [p, q, r, s] = [0, 0, 0, 0];
  for (const whole = i + (count & ~3); i < whole; i += 4, j += 4) {
    p += a[i] * b[j];
    q += a[i + 1] * b[j + 1];
    r += a[i + 2] * b[j + 2];
    s += a[i + 3] * b[j + 3];
  }
  for (let rest = count & 3; rest > 0; rest--) p += a[i++] * b[j++];
  return p + q + r + s;
}

function linear({ inputs, outputs }, weights) {
  const biases = weights.subarray(inputs * outputs);
  return (x, out) => {
    for (let o = 0; o < outputs; o++) out[o] = biases[o] + dot(weights, o * inputs, x, 0, inputs);
  };
}

function sources(at, { size, kernel, stride, padding, transposed }) {   // [input, tap] pairs that add to output `at`
  const place = (tap) => (transposed ? (at + padding - tap) / stride : at * stride + tap - padding);
  const pairs = Array.from({ length: kernel }, (_, tap) => [place(tap), tap]);
  return pairs.filter(([i]) => Number.isInteger(i) && i >= 0 && i < size);
}

function convolution(layer, weights) {          // weights (filters, taps, channels)
  const { from: [channels, ...size], to: [filters, ...room], kernel, stride, padding, transposed } = layer;
  const [taps, area, pixels] = [kernel, size, room].map(([h, w]) => h * w);
  const biases = weights.subarray(channels * filters * taps);
  const axis = (k) => ({ size: size[k], kernel: kernel[k], stride: stride[k], padding: padding[k], transposed });
  const [down, across] = [0, 1].map((k) => Array.from({ length: room[k] }, (_, at) => sources(at, axis(k))));
  const starts = down.flatMap((rows) => across.map((columns) => Int32Array.from(
    rows.flatMap(([y, v]) => columns.flatMap(([x, u]) => [y * size[1] + x, v * kernel[1] + u])), (i) => i * channels)));
  const last = new Float32Array(area * channels);   // x with its channels last
  return (x, out) => {
    for (let c = 0, k = 0; c < channels; c++) for (let i = 0; i < area; i++) last[i * channels + c] = x[k++];
    for (let f = 0; f < filters; f++) {
      const own = f * taps * channels;
      for (let p = 0; p < pixels; p++) {
        let sum = biases[f];
        const pairs = starts[p];
        for (let k = 0; k < pairs.length; k += 2) sum += dot(last, pairs[k], weights, own + pairs[k + 1], channels);
        out[f * pixels + p] = sum;
      }
    }
  };
}

function codes({ groups, codes: count, latents, outputs }, weights) {   // z → the nearest code of each group
  const width = latents / groups;
  return (x, out) => {
    for (let i = latents; i < outputs; i++) out[i] = x[i];   // the class
    for (let g = 0; g < groups; g++) {
      let [nearest, least] = [0, Infinity];
      for (let k = 0; k < count; k++) {
        const at = (g * count + k) * width;
        let sum = 0;
        for (let i = 0; i < width; i++) sum += (x[g * width + i] - weights[at + i]) ** 2;
        if (sum < least) [nearest, least] = [at, sum];
      }
      for (let i = 0; i < width; i++) out[g * width + i] = weights[nearest + i];
    }
  };
}

const each = (f) => (x, out) => { for (let i = 0; i < out.length; i++) out[i] = f(x[i]); };
const LAYERS = { linear, convolution, codes };

function logistic(h, scale, top) {              // of whole levels: E[k] = Σ P(X ≥ k), k = 1 … top
  const [middle, width] = [(0.5 + h) * top + 0.5, scale * top];
  const reach = 30 * width;                     // further off, P(X ≥ k) is 0 or 1
  const first = Math.min(top + 1, Math.max(1, Math.ceil(middle - reach)));
  const last = Math.min(top, Math.floor(middle + reach));
  const [grow, rest] = [Math.exp(1 / width), (first - middle) / width];
  let sum = first - 1;
  for (let k = first, e = Math.exp(rest); k <= last; k++, e *= grow) sum += 1 / (1 + e);
  return sum / top;
}

function continuousBernoulli(eta) {
  if (Math.abs(eta) < 0.1) return 0.5 + eta / 12 - eta ** 3 / 720 + eta ** 5 / 30240;
  return -1 / Math.expm1(-eta) - 1 / eta;
}

function gridCategorical(h, out, { levels }) {      // the softmax of L numbers of each element, (L, D) → (D)
  const size = out.length;
  for (let d = 0; d < size; d++) {
    let [most, sum, mean] = [-Infinity, 0, 0];
    for (let l = 0; l < levels; l++) most = Math.max(most, h[l * size + d]);
    for (let l = 0; l < levels; l++) {
      const p = Math.exp(h[l * size + d] - most);
      sum += p;
      mean += p * l;
    }
    out[d] = mean / sum / (levels - 1);
  }
}

function counts(h, out, { constants: [size] }) {    // e^h, or shares of a library size; less zero inflation
  const length = out.length;
  const most = size === undefined ? 0 : h.subarray(0, length).reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (let i = 0; i < length; i++) {
    out[i] = Math.exp(Math.min(h[i] - most, 24 * Math.LN2));
    sum += out[i];
  }
  const factor = size === undefined ? 1 : size / sum;
  for (let i = 0; i < length; i++) out[i] *= h.length > length ? factor * sigmoid(-h[length + i]) : factor;
}

export const MEANS = {                          // the decoder's output and the recipe → E[x|z]
  identity: (h, out) => out.set(h),
  counts,
  sigmoid: each(sigmoid),
  continuousBernoulli: each(continuousBernoulli),
  gridLogistic: (h, out, { constants, levels }) => {
    const part = out.length / constants.length;
    for (let i = 0; i < out.length; i++) out[i] = logistic(h[i], constants[Math.floor(i / part)], levels - 1);
  },
  gridCategorical,
};

const columnOf = (i, length, { scale }) => Math.floor(i * scale.length / length);   // of value i: a column or a channel

function networkOf({ layers }, weights) {       // a function u → the last layer's output, the same array each time
  let start = 0;
  const steps = layers.map((layer) => {
    const run = ACTIVATIONS[layer.kind]
      ? each(ACTIVATIONS[layer.kind]) : LAYERS[layer.kind](layer, weights.subarray(start));
    start += sizeOf(layer);
    return [run, new Float32Array(layer.outputs)];
  });
  return (input) => {
    let x = input;
    for (const [run, out] of steps) {
      run(x, out);
      x = out;
    }
    return x;
  };
}

function sizeOf({ kind, inputs, outputs, from, to, kernel, codes: count, latents }) {   // numbers of a layer among the weights
  if (kind === 'codes') return count * latents;
  if (kind === 'linear') return inputs * outputs + outputs;
  return kind === 'convolution' ? from[0] * to[0] * kernel[0] * kernel[1] + to[0] : 0;
}

export function encoderOf(recipe, weights) {    // a function x → the last layer's output, the same array each time
  const { inputs, location, scale } = recipe;
  const [network, u] = [networkOf(recipe, weights), new Float32Array(inputs)];
  return (x) => {
    if (!scale.length) return network(x);
    for (let i = 0; i < inputs; i++) {
      const c = columnOf(i, inputs, recipe);
      u[i] = (x[i] - location[c]) / scale[c];
    }
    return network(u);
  };
}

export function decoderOf(recipe, weights) {    // a function (z, class) → E[x|z], the same array each time
  const { inputs, latents, classes, mean, shape, location, scale } = recipe;
  const input = new Float32Array(inputs);
  const network = networkOf(recipe, weights);
  const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
  return (z, label = 0) => {
    input.set(z);
    if (classes) input.fill(0, latents)[latents + label] = 1;   // the class enters as a one-hot code
    MEANS[mean](network(input), values, recipe);
    for (let i = 0; i < values.length && scale.length; i++) {
      const c = columnOf(i, values.length, recipe);
      values[i] = location[c] + scale[c] * values[i];
    }
    return values;
  };
}

export function pixelsOf(values, [channels, height, width], out) {   // E[x|z] → bytes of a canvas, which clamps
  const area = height * width;
  const [green, blue] = channels === 3 ? [area, 2 * area] : [0, 0];
  for (let i = 0, k = 0; i < area; i++, k += 4) {
    out[k] = 255 * values[i];
    out[k + 1] = 255 * values[i + green];
    out[k + 2] = 255 * values[i + blue];
    out[k + 3] = 255;
  }
  return out;
}
