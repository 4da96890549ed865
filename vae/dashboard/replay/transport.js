// The clock of a player: a position among its frames, moved by buttons, keys, the slider and time.
// head.marks has a value for each frame: Python receives it when the slider is released, and
// sessionStorage keeps it. The module that ends with this file's parts defines draw(player).

const PLAYERS = new WeakMap();                  // root element → player
const KINDS = { f4: Float32Array, u1: Uint8Array };
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
  head.marks ??= head.step;
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
  state.mark = head.marks[nearest(player)];
  state.end = nearest(player) === last(player);
  try {
    sessionStorage.setItem(storageKey(head.run), JSON.stringify(state));
  } catch { /* storage is disabled */ }
}

const nearest = (player) => Math.round(player.position);
const last = (player) => player.head.marks.length - 1;
const shown = (player) => (STILL.matches ? nearest(player) : player.position);   // reduced motion: no interpolation

function report(player) {                       // send the mark to Python after a release
  save(player);
  const mark = player.head.marks[nearest(player)];
  if (player.reported === mark) return;
  player.reported = mark;
  player.component.setStateValue('step', mark);
}

function request(player) {                      // draw once, at the next screen refresh
  player.frame ??= requestAnimationFrame((now) => {
    player.frame = null;
    if (player.playing) advance(player, now);
    if (player.root.isConnected && player.head) {
      draw(player);
      player.root.classList.add('drawn');       // now all parts have their sizes
    }
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

const short = (epoch) => epoch.toFixed(epoch < 10 ? 2 : 1);

function showTransport(player) {                // the state of the buttons and of the slider
  const { head, parts, position } = player;
  write(parts.which, `frame ${nearest(player) + 1} of ${head.marks.length}`);
  write(parts.play, player.playing ? 'Pause' : 'Play');
  parts.play.setAttribute('aria-pressed', player.playing);
  parts.previous.disabled = position <= 0;
  parts.next.disabled = position >= last(player);
  parts.play.disabled = parts.scrubber.disabled = last(player) === 0;
  parts.scrubber.max = Math.max(last(player), 1);
  if (+parts.scrubber.value !== position) parts.scrubber.value = position;
  parts.scrubber.setAttribute('aria-valuetext', `${parts.when.textContent}, ${parts.which.textContent}`);
  parts.follow.hidden = !head.live;
  parts.follow.setAttribute('aria-pressed', position >= last(player));
  parts.speed.value = player.state.speed;
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

const listener = (player) => (node, kind, act) =>   // no act before the first frames
  node.addEventListener(kind, (event) => player.head && act(event));

function newPlayer(root) {
  const parts = Object.fromEntries(
    [...root.querySelectorAll('[data-part]')].map((node) => [node.dataset.part, node]));
  const player = { root, parts, playing: false, position: 0 };
  const listen = listener(player);
  listen(parts.play, 'click', () => (player.playing ? pause : play)(player));
  listen(parts.previous, 'click', () => go(player, Math.ceil(player.position) - 1));
  listen(parts.next, 'click', () => go(player, Math.floor(player.position) + 1));
  listen(parts.follow, 'click', () => go(player, last(player)));
  listen(parts.scrubber, 'input', () => go(player, +parts.scrubber.value, false));
  listen(parts.scrubber, 'change', () => go(player, Math.round(+parts.scrubber.value)));
  listen(parts.speed, 'change', () => { player.state.speed = +parts.speed.value; save(player); });
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
  const { marks, run } = player.head;
  const state = before?.run === run
    ? { ...player.state, mark: before.marks[Math.round(position)], end: position === before.marks.length - 1 }
    : { speed: 4, raw: false, end: true, ...restore(run) };
  player.state = state;
  follow(player);
  player.playing = playing && before?.run === run;
  if (player.playing) return;
  const place = marks.findLastIndex((mark) => mark <= state.mark);
  player.position = state.end || place < 0 ? marks.length - 1 : place;
  player.reported = marks[player.position];
}

function follow({ head: { start, marks }, state }) {   // the mark of a link, once
  if (start === null || state.start === start) return;
  Object.assign(state, { start, mark: start, end: start >= marks.at(-1) });
}

const mounting = (create, refresh) => (component) => {   // new frames or another theme
  const root = component.parentElement.querySelector('.vae-replay');
  const player = PLAYERS.get(root) ?? create(root);
  player.component = component;
  if (component.data !== player.bytes) {
    receive(player, component.data);
    dispatchEvent(new CustomEvent(ASK));
  }
  player.colours = coloursOf(root);
  player.stale = true;
  refresh(player);
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
};
