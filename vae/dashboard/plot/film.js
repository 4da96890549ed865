// A film along a path on a map: the decoded example, the density on the way and a ring on the map move together.
// film.py describes the message from Python.

import { content, floats, missing } from './content.js';
import { mark } from './marker.js';
import { painterOf } from './painter.js';
import { write } from './text.js';
import { penOf, themeOf } from './theme.js';

const SIZE = 144;                               // pixels of the picture on the screen, about
const FILMS = new WeakMap();                    // root element → film

const at = (film) => Math.round(film.place);

function draw(film) {
  const { parts, message: { key, revision, places, words, form }, values, painter, ink } = film;
  const k = at(film), size = form.shape.reduce((a, b) => a * b, 1);
  parts.slider.value = film.place;
  parts.slider.setAttribute('aria-valuetext', words[k]);
  parts.marker.style.left = `${100 * film.place / Math.max(places.length - 1, 1)}%`;
  if (film.playing === null || film.said !== k) write(parts.words, words[k]);
  film.said = k;
  if (values) painter.values(values.subarray(k * size, (k + 1) * size), ink);
  mark(key, revision, places[k]);
}

function show({ parts, message: { height, title, alt, places } }) {   // what stays while the film plays
  const most = Math.max(...height) || 1;
  const points = height.map((h, k) => `${100 * k / Math.max(height.length - 1, 1)},${100 - 100 * h / most}`);
  parts.path.setAttribute('d', `M${points.join('L')}`);
  [parts.title.textContent, parts.most.textContent] = [title, most.toPrecision(2)];
  parts.canvas.setAttribute('aria-label', alt);
  parts.slider.max = places.length - 1;
}

function stop(film) {
  cancelAnimationFrame(film.playing);
  film.playing = null;
  film.parts.button.textContent = 'Play';
}

function play(film) {                           // forwards, then backwards, until it is stopped
  let before = performance.now();
  film.parts.button.textContent = 'Pause';
  if (at(film) === film.message.places.length - 1) film.place = 0;
  film.way = 1;
  const step = (now) => {
    if (!film.root.isConnected) return stop(film);
    const last = film.message.places.length - 1;
    film.place += film.way * (now - before) / film.message.ms;
    if (film.place >= last || film.place <= 0) film.way = film.place >= last ? -1 : 1;
    film.place = Math.min(Math.max(film.place, 0), last);
    before = now;
    draw(film);
    film.playing = requestAnimationFrame(step);
  };
  film.playing = requestAnimationFrame(step);
}

function create(root) {
  const part = (name) => root.querySelector(name);
  const parts = {
    canvas: part('canvas'), title: part('.way span'), most: part('.way b'), path: part('path'),
    marker: part('i'), button: part('button'), slider: part('input'), words: part('.words'),
  };
  const film = { root, parts, place: 0, playing: null };
  parts.button.addEventListener('click', () => (film.playing === null ? play(film) : stop(film)));
  parts.slider.addEventListener('input', () => {
    stop(film);
    film.place = Number(parts.slider.value);
    draw(film);
  });
  parts.slider.addEventListener('keydown', (event) => {   // its own steps are too small
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    stop(film);
    film.place = Math.min(Math.max(at(film) + way, 0), film.message.places.length - 1);
    draw(film);
  });
  FILMS.set(root, film);
  return film;
}

async function learn(film) {                    // fetch the decoded examples
  const { message } = film;
  const values = await content(message.decoded, floats);
  if (film.message !== message) return;         // a newer message has arrived
  film.values = values;
  draw(film);
}

export function mount(component) {              // called when the path or the theme has changed
  const root = component.parentElement?.querySelector('.vae-film');
  if (!root) return undefined;                  // removed while this file was loading
  const film = FILMS.get(root) ?? create(root);
  const message = JSON.parse(new TextDecoder().decode(component.data));
  const isNew = JSON.stringify(film.message?.places) !== JSON.stringify(message.places);
  const form = JSON.stringify(message.form);
  if (film.form !== form) film.painter = painterOf(film.parts.canvas, message.form, SIZE);
  Object.assign(film, { message, form, ink: penOf(themeOf(root)) });
  if (isNew) Object.assign(film, { place: 0, values: null });
  show(film);
  if (isNew) draw(film);
  learn(film).then(() => { film.missed = 0; }, (error) => missing(film, component, error));
  return () => setTimeout(() => {               // also called for an update: is the node gone?
    if (root.isConnected) return;
    stop(film);
    mark(message.key, message.revision, null);
  });
}
