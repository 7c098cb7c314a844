import DOMPurify from 'dompurify';

const OPTIONS = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'em', 'strong', 's', 'mark', 'a', 'span'],
    ...['table', 'thead', 'tbody', 'tr', 'th', 'td', '#text'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'data-tex'],
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true as const,
};

/** The last thing that happens to HTML before it is part of the page. Links tell where they lead. */
export function purify(html: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(html, OPTIONS);
  for (const link of fragment.querySelectorAll('a')) {
    const citation = /^#citation-(\d+)$/.exec(link.getAttribute('href') ?? '')?.[1];
    if (citation) {
      link.className = 'citation';
      link.dataset.citation = citation;
      continue;
    }
    link.target = '_blank';
    link.rel = 'noopener noreferrer';
    link.title = link.href;
  }
  return fragment;
}
