// Texts that are cut, words that are broken, texts that lie over one another, on the page and in its
// charts, controls and pictures that something covers, legends that scroll, and text alternatives
// with markup. What lies below the window is scrolled into it.
() => {
  const SLACK = 1.5;  // pixels
  const WORD = /(?:(?!\p{Script=Han})[\p{L}\d.,−]){1,20}/gu;  // Chinese can go on below anywhere
  const SHOWN = { opacityProperty: true, visibilityProperty: true };
  const OUT = 'script, style, template, title, [inert], [role=tooltip], .katex-mathml, '
    + '.hoverlayer, [data-testid=stIconMaterial]';
  const FIELDS = 'input:not([type=checkbox], [type=radio], [type=file])';
  const main = document.querySelector('[data-testid=stMain]');
  const sidebar = document.querySelector('[data-testid=stSidebar]');
  const folded = sidebar?.getBoundingClientRect().right < 100 ? sidebar : null;
  const parents = (n) => n ? [n, ...parents(n.parentElement)] : [];
  const thin = (n) => n.clientWidth + n.clientHeight > 0 && Math.min(n.offsetWidth, n.offsetHeight) <= 1;
  const looked = (n) => !n.closest(OUT) && !folded?.contains(n) && n.checkVisibility(SHOWN)
    && !parents(n).slice(0, 6).some(thin);
  const place = (n) =>
    n.closest('[class*=st-key-]')?.className.match(/st-key-(\S+)/)?.[1] ?? n.tagName;
  const quote = (text) => text.trim().replace(/\s+/g, ' ').slice(0, 40);
  const boxes = (node, from = 0, to = node.data.length) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    return [...range.getClientRects()].filter((r) => r.width > 1 && r.height > 1);
  };
  const scrolls = (style) => /auto|scroll/.test(style), hides = (style) => /hidden|clip/.test(style);

  // An ancestor cuts a box that it hides in part, unless a scroller inside shows the rest.
  const isCut = (n, box) => {
    let free = { x: false, y: false };
    for (const p of parents(n)) {
      if (p === document.body) return false;
      const { overflowX, overflowY } = getComputedStyle(p), edge = p.getBoundingClientRect();
      free = { x: free.x || scrolls(overflowX), y: free.y || scrolls(overflowY) };
      const beside = box.right <= edge.left || box.left >= edge.right
        || box.bottom <= edge.top || box.top >= edge.bottom;
      const x = box.left < edge.left - SLACK || box.right > edge.right + SLACK;
      const y = box.top < edge.top - 3 * SLACK || box.bottom > edge.bottom + 3 * SLACK;
      if (beside) continue;
      if ((hides(overflowX) && !free.x && x) || (hides(overflowY) && !free.y && y)) return true;
    }
    return false;
  };

  // Whether a place is scrolled out of a box, or hidden by it.
  const isOutside = (n, x, y) => parents(n).some((p) => {
    const { overflowX, overflowY } = getComputedStyle(p), edge = p.getBoundingClientRect();
    return p !== main && ((overflowX !== 'visible' && (x < edge.left || x > edge.right))
      || (overflowY !== 'visible' && (y < edge.top || y > edge.bottom)));
  });

  // Of a chart: its part, and whether its plot's edge cuts a text; a slanted text has no box.
  const drawn = (n) => n instanceof SVGElement;
  const slanted = (n) => {
    if (!drawn(n)) return false;
    const { a, b } = n.getScreenCTM();
    return Math.min(Math.abs(a), Math.abs(b)) > 0.02;
  };
  const isClipped = (n, box) => parents(n).filter(drawn).some((p) => {
    const id = /url\(['"]?#([^'")]+)/.exec(p.getAttribute('clip-path') ?? '')?.[1];
    const rect = id && document.getElementById(id)?.querySelector('rect');
    if (!rect) return false;
    const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((name) => rect[name].baseVal.value);
    const at = new DOMPoint(x, y).matrixTransform(p.getScreenCTM());
    return box.left < at.x - SLACK || box.right > at.x + w + SLACK
      || box.top < at.y - 3 * SLACK || box.bottom > at.y + h + 3 * SLACK;
  });
  const chartOf = (n) => n.closest('.vae-plot, [data-testid=stElementContainer]');
  const inSight = (n, stack) => drawn(n) || getComputedStyle(n).pointerEvents === 'none'
    ? chartOf(n)?.contains(stack[0]) : stack.some((e) => n.contains(e));

  // A bar that sticks to the lower edge hides the text that scrolls below it, if it is opaque. It is measured
  // in its place at the end of that text.
  const bars = [...main.querySelectorAll('[data-testid=stLayoutWrapper]')].filter((n) => {
    const { position, bottom, backgroundColor } = getComputedStyle(n);
    return position === 'sticky' && bottom !== 'auto' && /^rgb\(/.test(backgroundColor);
  });
  for (const bar of bars) bar.style.setProperty('position', 'static', 'important');

  main.scrollTo(0, 0);  // text that is scrolled away lies below the row of pages
  const found = new Set(), texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, n = node.parentElement, words = node.data;
    if (!words.trim() || !looked(n)) continue;
    const rects = boxes(node);
    if (rects.some((r) => isCut(n, r) || (drawn(n) && isClipped(n, r)))) found.add(`cut in ${place(n)}: ${quote(words)}`);
    if (slanted(n)) continue;
    for (const { 0: word, index } of drawn(n) ? [] : words.matchAll(WORD)) {
      const lines = boxes(node, index, index + word.length).map((r) => Math.round(r.top));
      if (new Set(lines).size > 1) found.add(`broken in ${place(n)}: ${word}`);
    }
    texts.push(...rects.map((box) => ({ n, box, words })));
  }
  for (const field of document.querySelectorAll(FIELDS)) {
    if (looked(field) && field.scrollWidth > field.clientWidth + 1)
      found.add(`cut in ${place(field)}: field ${field.value}`);
  }
  // Do `test` with the elements at a place of the window, scrolled to where it is in sight.
  const start = main.getBoundingClientRect(), under = start.top + 80;  // the row of pages lies above
  const at = (x, y, test) => {
    main.scrollTo(0, y < under || y > start.bottom - 8 ? y - start.top - main.clientHeight / 2 : 0);
    const place = y - main.scrollTop;
    if (place < start.top || place > start.bottom) return false;  // scrolled inside another box
    return test(document.elementsFromPoint(x, place));
  };
  texts.forEach((a, k) => texts.slice(k + 1).forEach((b) => {
    const left = Math.max(a.box.left, b.box.left), right = Math.min(a.box.right, b.box.right);
    const top = Math.max(a.box.top, b.box.top), bottom = Math.min(a.box.bottom, b.box.bottom);
    const least = 0.4 * Math.min(a.box.height, b.box.height);  // boxes are higher than letters
    if (a.n === b.n || right - left < 3 || bottom - top < least) return;
    const both = (stack) => stack.length && [a.n, b.n].every((n) => inSight(n, stack));
    if (at((left + right) / 2, (top + bottom) / 2, both))
      found.add(`overlap in ${place(a.n)}: ${quote(a.words)} | ${quote(b.words)}`);
  }));
  // The middle of a control or of a picture belongs to it, or to a label or a part of it. A picture can
  // lie under what paints nothing.
  const pictures = /^(IMG|CANVAS)$/, replaced = /^(IMG|CANVAS|SVG|INPUT|BUTTON)$/i;
  const paints = (e) => replaced.test(e.tagName)
    || !/, 0\)$|transparent/.test(getComputedStyle(e).backgroundColor)
    || [...e.childNodes].some((c) => c.nodeType === Node.TEXT_NODE && c.data.trim());
  for (const n of main.querySelectorAll('button, input:not([type=file]), a[href], img[src], canvas')) {
    main.scrollTo(0, 0);
    const box = n.getBoundingClientRect(), whole = n.closest('label') ?? n;
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    if (!looked(n) || box.width < 8 || box.height < 8 || isOutside(n, x, y)) continue;
    if (getComputedStyle(n).pointerEvents === 'none' || whole.closest('[data-testid=stDataFrame]')) continue;
    const own = (e) => n.contains(e) || whole.contains(e) || (e.contains(n) && e !== main);
    const first = (stack) => pictures.test(n.tagName) ? stack.find((e) => own(e) || paints(e)) : stack[0];
    const over = at(x, y, (stack) => first(stack) && !own(first(stack)) && first(stack));
    const name = quote(n.ariaLabel ?? (n.alt || n.textContent));
    if (over) found.add(`covered in ${place(n)}: ${n.tagName} ${name} by ${over.tagName} in ${place(over)}`);
  }
  main.scrollTo(0, 0);
  for (const bar of document.querySelectorAll('.legend .scrollbar')) {
    if (bar.getBoundingClientRect().height > 0) found.add(`the legend in ${place(bar)} scrolls`);
  }
  for (const row of main.querySelectorAll('[role=radiogroup]')) {  // its scroll has no bar
    if (row.scrollWidth > row.clientWidth + 1)
      found.add(`segments of ${place(row)} are hidden`);
  }
  for (const { _fullLayout: layout } of main.querySelectorAll('.js-plotly-plot')) {
    if (layout?.showlegend && layout._size.w < layout.width / 2)
      found.add(`the legend leaves ${layout._size.w} of ${layout.width} pixels to a chart`);
  }
  const MARKUP = /\$\S|\*\*|\\[a-z]|\[\[|:material|:\w+\[|&\w+;|<\/?[a-z]/i;
  for (const n of document.querySelectorAll('[aria-label], [title], [alt]')) {
    for (const name of ['aria-label', 'title', 'alt']) {
      const words = n.getAttribute(name) ?? '';
      if (MARKUP.test(words)) found.add(`markup in ${name} of ${place(n)}: ${quote(words)}`);
    }
  }
  if (main.scrollWidth > main.clientWidth + 1)
    found.add(`the page is ${main.scrollWidth} pixels wide in ${main.clientWidth}`);
  for (const bar of bars) bar.style.removeProperty('position');
  return [...found];
}
