// A line that the pen of the tool bar has drawn over a chart, as places at equal distances.

const PLACES = 12;

export function drawnLine(chart, change) {      // null: the event is of something else
  const path = chart.drawing ? null : change.shapes?.at(-1)?.path;
  if (!path) return null;
  const numbers = path.match(/-?[\d.]+(?:e[-+]?\d+)?/gi).map(Number);
  const points = numbers.flatMap((x, k) => (k % 2 ? [] : [[x, numbers[k + 1]]]));
  return points.length < 2 ? null : spaced(points);
}

function spaced(points) {
  const way = [0];
  points.slice(1).forEach(([x, y], k) => way.push(way[k] + Math.hypot(x - points[k][0], y - points[k][1])));
  return Array.from({ length: PLACES }, (_, k) => {
    const length = way.at(-1) * k / (PLACES - 1);
    const j = Math.max(1, way.findIndex((w) => w >= length - 1e-12));
    const share = (length - way[j - 1]) / (way[j] - way[j - 1] || 1);
    return [0, 1].map((axis) => points[j - 1][axis] + share * (points[j][axis] - points[j - 1][axis]));
  });
}
