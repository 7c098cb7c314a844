import type Katex from 'katex';

let katex: typeof Katex | undefined;
let loading: Promise<unknown> | undefined;

/**
 * Shows the TeX of an element as MathML. KaTeX comes when it is first needed; until then, and where the TeX is faulty, its
 * source is shown. It builds elements, never HTML, and follows no links.
 */
export function typeset(element: HTMLElement): void {
  if (katex) return render(katex, element);
  loading ??= import('katex').then((module) => (katex = module.default));
  loading.then(() => render(katex!, element), () => (loading = undefined)); // without a network the source stays
}

function render(katex: typeof Katex, element: HTMLElement): void {
  const source = element.textContent ?? '';
  try {
    const rendered = document.createElement('span');
    katex.render(source, rendered, { displayMode: element.dataset.tex === 'block', output: 'mathml', trust: false, strict: 'ignore', maxExpand: 500, maxSize: 50 });
    element.replaceChildren(...rendered.childNodes);
  } catch {
    element.textContent = source;
  }
}
