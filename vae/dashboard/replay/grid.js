// Small pictures of several runs on one clock: each tile shows the frame of its run at the epoch.
// A tile is a small player: its head, arrays, canvas and position are those that drawMap reads.

const EDGES = { left: 1, right: 1, top: 1, bottom: 1 };
const GAP = 12, WORDS = 36, BELOW = 70;         // px between tiles, above a tile, for the legend
const SMALLEST = 112, LARGEST = 360, ROOM = 0.5;   // px of a tile; least height of all, as a share of the window
const LEAST = { samples: 4, reconstructions: 2 };   // pictures that a tile enlarges to fit

function createTile(player, given, k) {
  const node = document.createElement('a');
  const part = (kind, name) => {
    const found = document.createElement(kind);
    found.dataset.part = name;
    node.append(found);
    return found;
  };
  const tile = { head: { ...player.head, ...given }, node, state: { raw: false } };
  tile.name = part('b', 'name');
  tile.value = part('span', 'value');
  tile.canvas = { map: part('canvas', 'picture') };
  tile.note = part('p', 'note');
  node.href = given.href;
  node.className = 'tile';
  node.title = `${given.title}: open ${given.run}`;
  node.onclick = (event) => open(event, player, tile);
  tile.name.textContent = given.title;
  tile.note.textContent = given.epoch.length ? '' : given.note;   // else beside the value
  const array = (name) => player.arrays[`${name}${k}`];
  tile.arrays = { aligned: array('aligned'), origin: array('origin'), hue: array('hue'),
    originals: array('originals'), decoded: array('decoded') };
  return tile;
}

function open(event, player, { head: { run, step }, position }) {   // with a key, the browser opens a tab
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  player.component.setTriggerValue('open', { run, step: step?.[Math.round(position)] ?? null });
}

function createTiles(player) {
  const { head, parts, root } = player;
  player.tiles = head.tiles.map((given, k) => createTile(player, given, k));
  for (const { node, head: { row, column } } of player.tiles) {
    node.style.gridRow = row + 1;
    node.style.gridColumn = column + 1;
  }
  parts.tiles.replaceChildren(...player.tiles.map(({ node }) => node));
  parts.caption.textContent = head.caption;
  root.dataset.kind = head.kind;
}

function layOut(player) {                       // all tiles in the window; on a phone in reading order
  const { head: { columns: wanted, rows, kind }, parts, root } = player;
  const width = root.clientWidth;
  const isNarrow = width < wanted * (SMALLEST + GAP) - GAP;
  const columns = isNarrow ? Math.max(1, Math.floor((width + GAP) / (SMALLEST + GAP))) : wanted;
  const across = Math.floor((width + GAP) / columns - GAP);
  const room = Math.max(innerHeight - topOf(parts.tiles) - BELOW, innerHeight * ROOM);
  const tall = Math.max(SMALLEST, Math.min(LARGEST, Math.floor((room + GAP) / rows) - GAP - WORDS));
  const size = isNarrow ? across : Math.min(across, tall);
  root.classList.toggle('narrow', isNarrow);
  parts.tiles.style.gridTemplateColumns = `repeat(${columns}, ${size}px)`;
  for (const tile of player.tiles) {
    const hasFrames = tile.head.epoch.length > 0;
    Object.assign(tile, { height: size, colours: player.colours, drawn: null, dot: Math.min(1, 0.4 + size / 500) });
    tile.canvas.map.hidden = !hasFrames;
    tile.note.style.minHeight = hasFrames ? '' : `${size}px`;
    if (hasFrames && kind === 'maps') prepareMap(tile, EDGES, drawFrame);
  }
}

function topOf(node) {                          // in the page, not in the window, which may be scrolled
  const main = node.closest('[data-testid=stMain]');
  return node.getBoundingClientRect().top + (main?.scrollTop ?? 0);
}

function drawFrame(pen, { colours }, { left, top, width, height }) {
  pen.fillStyle = colours.background;
  pen.fillRect(0, 0, 1e5, 1e5);
  pen.strokeStyle = colours.border;
  pen.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
}

function drawTile(player, tile, now) {
  const { head } = tile;
  if (!head.epoch.length) return;
  tile.position = placeOf(tile, now);
  const k = Math.round(tile.position);
  const key = head.kind === 'maps' ? tile.position : k;
  if (tile.drawn === key) return;
  tile.drawn = key;
  write(tile.value, [head.values[k], head.note].filter(Boolean).join(' · '));
  if (head.kind === 'maps') drawMap(tile);
  else drawDecoded(tile, k);
  Object.assign(tile.canvas.map.dataset, { position: tile.position });
}

function drawDecoded(tile, frame) {             // as many pictures as fit, enlarged
  const { head, arrays, canvas: { map: canvas }, height } = tile;
  const pairs = head.kind === 'reconstructions';
  const from = frame * head.pictures;
  const layers = pairs ? [[arrays.originals, 0], [arrays.decoded, from]] : [[arrays.decoded, from]];
  const room = { width: height, height };
  if (head.picture) drawTiles(tile, canvas, layers, fitting(head, layers.length, height), room);
  else drawVectors(tile, canvas, layers, head.pictures, room);
}

function fitting({ picture: { height, width }, pictures, kind }, layers, size) {
  const fit = (scale) => Math.floor((size + 1) / (width * scale + 1))
    * Math.floor((size + 6) / (layers * (height * scale + 1) + 5));
  let scale = 1;
  while (fit(scale + 1) >= Math.min(LEAST[kind], pictures)) scale++;
  return Math.max(1, Math.min(fit(scale), pictures));
}

function draw(player) {
  const { head, parts, root } = player;
  if (!root.clientWidth) return;                // the tab is hidden
  if (player.stale) layOut(player);
  player.stale = false;
  const position = shown(player);
  const now = epochNow({ head, position });
  for (const tile of player.tiles) drawTile(player, tile, now);
  write(parts.when, `epoch ${short(now)}`);
  write(parts.now, position === Math.floor(position) || head.kind !== 'maps' ? '' : 'points interpolated');
  showTransport(player);
  parts.tiles.dataset.epoch = now;
}

export default mounting(newPlayer, createTiles);
