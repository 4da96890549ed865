// A slider for each latent: the decoded example and a ring on the map follow it, in the browser alone.
// sliders.py describes the messages between this file and Python.

import { content, floats, missing } from './content.js';
import { decoderOf } from './decoder.js';
import { number } from './decode.js';
import { mark, offAim, onAim } from './marker.js';
import { painterOf } from './painter.js';
import { latentsAt, placeAt } from './plane.js';
import { write } from './text.js';
import { penOf, themeOf } from './theme.js';

const SIZE = 144;                               // pixels of the picture on the screen, about
const REST = 250;                               // ms after the last change, before it is reported
const CONTROLS = new WeakMap();                 // root element → control
const STATES = new Map();                       // key and revision → { z, turn, number }
const MOST_STATES = 64;

function stateOf({ key, revision, start, turn }) {
  const name = JSON.stringify([key, revision]);
  const found = STATES.get(name) ?? { z: [...start], turn, number: 0 };
  STATES.delete(name);                          // the last one used is the last to go
  STATES.set(name, found);
  if (STATES.size > MOST_STATES) STATES.delete(STATES.keys().next().value);
  return found;
}

function row({ name, low, high, latent }) {     // a slider with its name and its value
  const label = document.createElement('label');
  const [title, value] = [document.createElement('span'), document.createElement('span')];
  const input = document.createElement('input');
  title.textContent = name;
  Object.assign(input, { type: 'range', min: low, max: high, step: (high - low) / 120 });
  input.setAttribute('aria-label', name);
  input.dataset.latent = latent;
  label.append(title, value, input);
  return label;
}

function build(control) {                       // the rows; they stay while they are the same
  const { root, message: { latents, few } } = control;
  const text = JSON.stringify([latents, few]);
  if (control.built === text) return;
  control.built = text;
  const more = root.querySelector('details');
  const rows = latents.map(row);
  root.querySelector('.rows').replaceChildren(...rows.slice(0, few), more);
  more.querySelector('div').replaceChildren(...rows.slice(few));
  more.hidden = rows.length <= few;
  more.querySelector('summary').textContent = `${rows.length - few} more latents`;
  control.inputs = [...root.querySelectorAll('input')];
}

function set({ inputs, state }) {               // the sliders to z
  for (const input of inputs) {
    const value = state.z[input.dataset.latent];
    input.value = value;
    write(input.previousElementSibling, number(value));
  }
}

function draw(control) {
  const { message: { key, revision, plane, exact }, state: { z }, painter, decoder, ink } = control;
  if (decoder) painter.values(decoder(z, exact.label), ink);
  mark(key, revision, plane && placeAt(plane, z));
}

function request(control) {                     // draw at once, and once a frame at most
  control.due = control.frame !== undefined;
  if (control.due) return;
  control.frame = requestAnimationFrame(() => {
    control.frame = undefined;
    if (control.due) request(control);
  });
  draw(control);
}

function report(control) {                      // when the sliders rest
  clearTimeout(control.rest);
  control.rest = setTimeout(() => {
    const { component, message: { revision }, state } = control;
    state.turn += 1;
    component.setStateValue('z', { revision, turn: state.turn, z: state.z });
  }, REST);
}

function move(control, input) {
  control.state.z[input.dataset.latent] = Number(input.value);
  write(input.previousElementSibling, number(Number(input.value)));
  if (!control.message.exact) control.root.classList.add('stale');   // until the server has decoded
  request(control);
}

async function learn(control) {                 // fetch the weights, or the example that the server has decoded
  const { message } = control;
  const { exact, decoded } = message;
  const found = await content(exact ? exact.weights : decoded, floats);
  if (control.message !== message) return;      // a newer message has arrived
  control.decoder = exact ? decoderOf(exact.recipe, found) : null;
  control.root.classList.remove('stale');
  if (!exact) control.painter.values(found, control.ink);
  draw(control);
}

function create(root) {
  const control = { root };
  control.aim = (revision, place) => {          // a click on the map; Python learns of it from the map
    const { message: { plane, revision: shown } } = control;
    if (!plane || revision !== shown) return;
    control.state.z = latentsAt(plane, place);
    set(control);
    draw(control);
  };
  root.addEventListener('input', ({ target }) => move(control, target));
  root.addEventListener('change', () => report(control));
  root.querySelector('button').addEventListener('click', () => {
    control.state.z = [...control.message.start];
    set(control);
    draw(control);
    report(control);
  });
  CONTROLS.set(root, control);
  return control;
}

function paper(control) {                       // the canvas; it stays while the examples have the same shape
  const { root, message: { form, alt } } = control;
  const canvas = root.querySelector('canvas');
  canvas.setAttribute('aria-label', alt);
  const text = JSON.stringify(form);
  if (control.form === text) return;
  control.form = text;
  control.painter = painterOf(canvas, form, SIZE);
}

export function mount(component) {              // called when the message or the theme has changed
  const root = component.parentElement?.querySelector('.vae-sliders');
  if (!root) return undefined;                  // removed while this file was loading
  const control = CONTROLS.get(root) ?? create(root);
  const message = JSON.parse(new TextDecoder().decode(component.data));
  Object.assign(control, { component, message, state: stateOf(message), ink: penOf(themeOf(root)) });
  const { state } = control;
  if (message.set && message.set[0] > state.number) [state.number, state.z] = structuredClone(message.set);
  build(control);
  paper(control);
  set(control);
  onAim(message.key, control.aim);
  learn(control).then(() => { control.missed = 0; }, (error) => missing(control, component, error));
  draw(control);
  return () => setTimeout(() => {               // also called for an update: is the node gone?
    if (root.isConnected) return;
    offAim(message.key, control.aim);
    clearTimeout(control.rest);
    mark(message.key, message.revision, null);
  });
}
