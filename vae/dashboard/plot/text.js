// Text that changes at every movement. A new text node makes the browser match the `:has()` rules of the whole app
// again, 8 ms on a page with 2,400 elements; new characters of the same node do not.

export function write(node, text) {
  const { firstChild: first } = node;
  if (first?.nodeType !== Node.TEXT_NODE || first.nextSibling) node.textContent = text;
  else if (first.data !== text) first.data = text;
}
