// Two players on one page share a clock: each goes to the epoch at which a person moves the other.
const CLOCK = 'vae-replay-clock', ASK = 'vae-replay-ask';

function epochNow({ head, position }) {
  const i = Math.floor(position), next = Math.min(i + 1, head.epoch.length - 1);
  return head.epoch[i] + (position - i) * (head.epoch[next] - head.epoch[i]);
}

function placeOf({ head: { epoch } }, now) {     // the position at an epoch; an end for one beyond it
  const i = epoch.findLastIndex((e) => e <= now);
  if (i < 0) return 0;
  return i === epoch.length - 1 ? i : i + (now - epoch[i]) / (epoch[i + 1] - epoch[i]);
}

function tell(player) {
  if (!player.head.pair) return;
  const detail = { from: player.root, epoch: epochNow(player) };
  dispatchEvent(new CustomEvent(CLOCK, { detail }));
}

function hear(player, { from, epoch }) {
  if (from === player.root || !player.head?.pair) return;
  player.playing = false;
  player.position = placeOf(player, epoch);
  request(player);
}
