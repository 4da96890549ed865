// The player of one run: map, pictures and curves at the position of the slider (transport.js).

const HEIGHTS = { alone: 410, pair: 330 };      // pixels of a map
const AROUND = 160;                             // pixels above and below a map on the stage

function heightOf({ root, head }) {             // of the map; on the stage what the window leaves
  const isStaged = document.querySelector('.st-key-stage_on') !== null;
  if (isStaged) return Math.max(200, innerHeight / (root.currentCSSZoom ?? 1) - AROUND);
  return head.pair ? HEIGHTS.pair : HEIGHTS.alone;
}

const whole = (number) => number.toLocaleString('en');

function showStatus(player) {
  const { head, parts, position, state } = player;
  const i = Math.floor(position);
  const between = position !== i;
  const k = nearest(player);
  const [a, b] = [i, Math.min(i + 1, last(player))];
  write(parts.when, between
    ? `between epochs ${short(head.epoch[a])} and ${short(head.epoch[b])}`
    : `epoch ${short(head.epoch[i])} · step ${whole(head.step[i])}`);
  write(parts.now, between
    ? `points interpolated, pictures of epoch ${short(head.epoch[k])}` : residual(player, k));
  parts.raw.checked = state.raw;
  showTransport(player);
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
  player.position = shown(player);
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
  const player = newPlayer(root);
  const { map, curves, reconstructions, samples, raw } = player.parts;
  const listen = listener(player);
  player.canvas = { map, curves, reconstructions, samples };
  player.height = HEIGHTS.alone;
  listen(raw, 'change', () => { player.state.raw = raw.checked; save(player); request(player); });
  listen(curves, 'pointerdown', (event) => seek(player, event));
  return player;
}

function showTitles({ head: { titles }, parts }) {
  for (const [name, text] of Object.entries(titles)) parts[name].textContent = text;
}

export default mounting(create, showTitles);
