// The player: position of the slider, its controls, and drawing at that position. Python receives
// the step when the slider is released; sessionStorage keeps the position of each run.

const PLAYERS = new WeakMap();                  // root element → player
const KINDS = { f4: Float32Array, u1: Uint8Array };
const HEIGHTS = { alone: 410, pair: 330 };      // pixels of a map
const AROUND = 160;                             // pixels above and below a map on the stage
const STILL = matchMedia('(prefers-reduced-motion: reduce)');

function unpack(bytes) {                        // uint32 length, JSON header, arrays
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const arrays = {};
  let from = 4 + length;
  for (const [name, kind, count] of head.blobs) {
    const to = from + count * KINDS[kind].BYTES_PER_ELEMENT;
    arrays[name] = new KINDS[kind](bytes.slice(from, to).buffer);   // a copy is aligned
    from = to;
  }
  return { head, arrays };
}

const storageKey = (run) => `vae.replay.${run}`;

function restore(run) {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey(run))) ?? {};
  } catch {
    return {};
  }
}

function save(player) {
  const { head, state } = player;
  state.step = head.step[nearest(player)];
  state.end = nearest(player) === head.step.length - 1;
  try {
    sessionStorage.setItem(storageKey(head.run), JSON.stringify(state));
  } catch { /* storage is disabled */ }
}

function heightOf({ root, head }) {             // of the map; on the stage what the window leaves
  const isStaged = document.querySelector('.st-key-stage_on') !== null;
  if (isStaged) return Math.max(200, innerHeight / (root.currentCSSZoom ?? 1) - AROUND);
  return head.pair ? HEIGHTS.pair : HEIGHTS.alone;
}

const nearest = (player) => Math.round(player.position);
const last = (player) => player.head.step.length - 1;

function report(player) {                       // send the step to Python after a release
  save(player);
  const step = player.head.step[nearest(player)];
  if (player.reported === step) return;
  player.reported = step;
  player.component.setStateValue('step', step);
}

function request(player) {                      // draw once, at the next screen refresh
  player.frame ??= requestAnimationFrame((now) => {
    player.frame = null;
    if (player.playing) advance(player, now);
    if (player.root.isConnected && player.head) draw(player);
    if (player.playing) request(player);
  });
}

function advance(player, now) {
  const seconds = Math.min((now - (player.then ?? now)) / 1000, 0.25);
  player.then = now;
  player.position = Math.min(player.position + seconds * player.state.speed, last(player));
  if (player.position === last(player)) pause(player);
  tell(player);
}

function play(player) {
  if (last(player) === 0) return;
  if (player.position >= last(player)) player.position = 0;
  player.playing = true;
  player.then = null;
  request(player);
}

function pause(player, snap = true) {
  player.playing = false;
  if (snap) player.position = nearest(player);
  tell(player);
  report(player);
  request(player);
}

function go(player, position, settled = true) {
  player.playing = false;
  player.position = Math.min(Math.max(position, 0), last(player));
  tell(player);
  if (settled) report(player);
  request(player);
}

const whole = (number) => number.toLocaleString('en');
const short = (epoch) => epoch.toFixed(epoch < 10 ? 2 : 1);

function showStatus(player) {
  const { head, parts, position, state } = player;
  const i = Math.floor(position);
  const between = position !== i;
  const k = nearest(player);
  const [a, b] = [i, Math.min(i + 1, last(player))];
  parts.when.textContent = between
    ? `between epochs ${short(head.epoch[a])} and ${short(head.epoch[b])}`
    : `epoch ${short(head.epoch[i])} · step ${whole(head.step[i])}`;
  parts.which.textContent = `frame ${k + 1} of ${head.step.length}`;
  parts.now.textContent = between
    ? `points interpolated, pictures of epoch ${short(head.epoch[k])}` : residual(player, k);
  parts.play.textContent = player.playing ? 'Pause' : 'Play';
  parts.play.setAttribute('aria-pressed', player.playing);
  parts.previous.disabled = position <= 0;
  parts.next.disabled = position >= last(player);
  parts.play.disabled = parts.scrubber.disabled = last(player) === 0;
  parts.scrubber.max = Math.max(last(player), 1);
  if (+parts.scrubber.value !== position) parts.scrubber.value = position;
  parts.scrubber.setAttribute('aria-valuetext', `${parts.when.textContent}, ${parts.which.textContent}`);
  parts.follow.hidden = !head.live;
  parts.follow.setAttribute('aria-pressed', position >= last(player));
  parts.raw.checked = state.raw;
  parts.speed.value = state.speed;
}

function residual(player, k) {
  const { head, state } = player;
  if (k === last(player)) return 'last frame: all other frames are aligned to it';
  const [aligned, raw] = head.residual.map((row) => row[k].toPrecision(3));
  return state.raw
    ? `distance to the next frame: ${raw} in z, ${aligned} after alignment`
    : `residual to the next frame: ${aligned} in z, ${raw} without alignment`;
}

function draw(player) {
  const { head, canvas } = player;
  if (!player.root.clientWidth) return;         // the tab is hidden
  const began = performance.now();
  if (player.stale) {
    player.stale = false;
    player.height = heightOf(player);
    player.drawn = null;
    prepareMap(player);
    prepareCurves(player);
  }
  const k = nearest(player);
  const position = player.position;
  if (STILL.matches) player.position = k;       // reduced motion: no interpolation
  drawMap(player);
  const i = Math.floor(player.position);
  const [from, to] = [head.epoch[i], head.epoch[Math.min(i + 1, last(player))]];
  drawCurves(player, from + (to - from) * (player.position - i));
  if (player.drawn !== k) drawPictures(player, k);
  showStatus(player);
  player.drawn = k;
  player.position = position;
  Object.assign(canvas.map.dataset, { position, raw: player.state.raw, spent: performance.now() - began });
}

function legend(player) {
  const { head, colours, parts } = player;
  const dot = (colour, name) => {
    const item = document.createElement('span');
    const mark = document.createElement('i');
    mark.style.background = colour;
    item.append(mark, name);
    return item;
  };
  const lut = head.palette[colours.shade];
  const items = head.hue.names.map(([name, k]) => dot(lut[k], name));
  if (head.hue.ends) {
    const bar = document.createElement('b');
    bar.style.background = `linear-gradient(to right, ${lut.filter((_, k) => k % 51 === 0).join(', ')})`;
    items.push(head.hue.ends[0], bar, head.hue.ends[1]);
  }
  const title = head.hue.title ? [`${head.hue.title}: `] : [];
  const rings = head.rings ? ['circles: 1σ and 2σ of the prior'] : [];
  parts.legend.replaceChildren(...title, ...items, ...rings);
}

function keydown(player, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !player.head) return;
  if (['SELECT', 'BUTTON'].includes(event.target.tagName) && event.key === ' ') return;
  if (event.target.tagName === 'SELECT') return;
  const { position } = player;
  const moves = {
    ArrowLeft: Math.ceil(position) - 1, ArrowRight: Math.floor(position) + 1,
    Home: 0, End: last(player),
  };
  if (event.key === ' ' && event.target.type !== 'checkbox') (player.playing ? pause : play)(player);
  else if (event.key in moves) go(player, moves[event.key]);
  else return;
  event.preventDefault();
}

function seek(player, event) {                  // a click on a curve: go to the nearest frame
  const { head, canvas } = player;
  const { x: left } = canvas.curves.getBoundingClientRect();
  const pointer = event.clientX - left;
  const areas = head.curves.map((_, k) => curveArea(player, k));
  const area = areas.find((a) => pointer >= a.left - 8 && pointer <= a.left + a.width + 8);
  if (!area) return;
  const epoch = (pointer - area.left) / area.width * head.epochs;
  const off = head.epoch.map((e) => Math.abs(e - epoch));
  go(player, off.indexOf(Math.min(...off)));
}

function create(root) {
  const part = (name) => root.querySelector(`[data-part=${name}]`);
  const parts = Object.fromEntries(
    [...root.querySelectorAll('[data-part]')].map((node) => [node.dataset.part, node]));
  const canvas = { map: part('map'), curves: part('curves'), reconstructions: part('reconstructions'), samples: part('samples') };
  const player = { root, parts, canvas, playing: false, position: 0, height: HEIGHTS.alone };
  const listen = (node, kind, act) => node.addEventListener(kind, (event) => player.head && act(event));
  listen(parts.play, 'click', () => (player.playing ? pause : play)(player));
  listen(parts.previous, 'click', () => go(player, Math.ceil(player.position) - 1));
  listen(parts.next, 'click', () => go(player, Math.floor(player.position) + 1));
  listen(parts.follow, 'click', () => go(player, last(player)));
  listen(parts.scrubber, 'input', () => go(player, +parts.scrubber.value, false));
  listen(parts.scrubber, 'change', () => go(player, Math.round(+parts.scrubber.value)));
  listen(parts.speed, 'change', () => { player.state.speed = +parts.speed.value; save(player); });
  listen(parts.raw, 'change', () => { player.state.raw = parts.raw.checked; save(player); request(player); });
  listen(canvas.curves, 'pointerdown', (event) => seek(player, event));
  root.addEventListener('keydown', (event) => keydown(player, event));
  player.observer = new ResizeObserver(() => {
    if (root.clientWidth === player.width) return;
    player.width = root.clientWidth;
    player.stale = true;
    request(player);
  });
  player.observer.observe(root);
  player.hear = ({ detail }) => hear(player, detail);
  player.answer = () => player.head?.pair === 'first' && tell(player);
  addEventListener(CLOCK, player.hear);
  addEventListener(ASK, player.answer);
  PLAYERS.set(root, player);
  return player;
}

function receive(player, bytes) {               // new frames: keep the position, or follow the end
  const { head: before, playing, position } = player;
  Object.assign(player, unpack(bytes), { bytes });
  const { step: steps, run } = player.head;
  const state = before?.run === run
    ? { ...player.state, step: before.step[Math.round(position)], end: position === before.step.length - 1 }
    : { speed: 4, raw: false, end: true, ...restore(run) };
  player.state = state;
  follow(player);
  player.playing = playing && before?.run === run;
  if (player.playing) return;
  const place = steps.findLastIndex((step) => step <= state.step);
  player.position = state.end || place < 0 ? steps.length - 1 : place;
  player.reported = steps[player.position];
}

function follow({ head: { start, step }, state }) {   // the step of a link, once
  if (start === null || state.start === start) return;
  Object.assign(state, { start, step: start, end: start >= step.at(-1) });
}

export default function mount(component) {      // new frames or another theme
  const root = component.parentElement.querySelector('.vae-replay');
  const player = PLAYERS.get(root) ?? create(root);
  player.component = component;
  if (component.data !== player.bytes) {
    receive(player, component.data);
    dispatchEvent(new CustomEvent(ASK));
  }
  player.colours = coloursOf(root);
  player.stale = true;
  for (const [name, text] of Object.entries(player.head.titles)) player.parts[name].textContent = text;
  legend(player);
  request(player);
  return () => setTimeout(() => {               // also called after a rerun: check whether it is gone
    if (root.isConnected) return;
    player.playing = false;
    player.observer.disconnect();
    removeEventListener(CLOCK, player.hear);
    removeEventListener(ASK, player.answer);
    PLAYERS.delete(root);
  });
}
