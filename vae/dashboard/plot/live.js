// A picture that changes, through the encoder and the decoder in the browser: a ring on a map at the mean of
// q(z|x), and E[x|z] on a canvas.

import { content, floats } from './content.js';
import { decoderOf, encoderOf } from './decoder.js';
import { mark } from './marker.js';
import { painterOf } from './painter.js';
import { placeAt } from './plane.js';

export async function follow(canvas, live, size) {   // a function of the picture's bytes (C, H, W)
  const { encoder, decoder, latents, levels, plane, chart, revision } = live;
  const weights = await Promise.all([encoder, decoder].map((part) => content(part.weights, floats)));
  const encode = encoderOf(encoder.recipe, weights[0]);
  const decode = decoderOf(decoder.recipe, weights[1]);
  const painter = painterOf(canvas, { shape: decoder.recipe.shape }, size);
  const x = new Float32Array(encoder.recipe.inputs);
  const steps = levels ? levels - 1 : 255;      // the picture in the levels of the data
  return (bytes) => {
    for (let i = 0; i < x.length; i++) x[i] = Math.round(bytes[i] / 255 * steps) / steps;
    const z = encode(x).subarray(0, latents);
    painter.values(decode(z));
    mark(chart, revision, placeAt(plane, z));
  };
}
