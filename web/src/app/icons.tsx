// Line icons on a grid of 20; the text beside an icon, or its button's label, says what it is.

const PATHS = {
  send: 'M10 16V4M4.5 9.5 10 4l5.5 5.5',
  stop: 'M6 6h8v8H6z',
  plus: 'M10 4v12M4 10h12',
  sliders: 'M3 6h7M14 6h3M3 14h3M10 14h7M12 4v4M8 12v4',
  close: 'M5 5l10 10M15 5 5 15',
  chevron: 'M6 8l4 4 4-4',
  copy: 'M7.5 7.5h9v9h-9zM4 12.5H3.5v-9h9V4',
  check: 'M4 10.5 8 14.5 16 6',
  again: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  sidebar: 'M3 4h14v12H3zM8 4v12',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  pencil: 'M4 16l.8-3.2L13.5 4.1l2.4 2.4-8.7 8.7zM11.8 5.8l2.4 2.4',
  left: 'M12 5.5 7.5 10l4.5 4.5',
  right: 'M8 5.5l4.5 4.5L8 14.5',
  pulse: 'M2.5 11h3l2-6 4 10 2.5-7 1 3h2.5',
  play: 'M7 5l8 5-8 5z',
  clip: 'M14.5 9.5 9.3 14.7a3 3 0 0 1-4.3-4.3l6-6a2 2 0 0 1 2.9 2.9l-5.6 5.6a1 1 0 0 1-1.5-1.4L11.6 6.7',
  leave: 'M11 4h5v5M16 4l-7 7M8 5H4v11h11v-4',
  warning: 'M10 3 18 16.5H2zM10 8v4M10 14.2v.1',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A browser tab with a lens in it. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 24 24" aria-hidden="true">
      <path class="logo-tab" d="M1 21c2 0 3-1 3-3V7a4 4 0 0 1 4-4h8a4 4 0 0 1 4 4v11c0 2 1 3 3 3z" />
      <path class="logo-lens" d="M14.2 10.5a3.4 3.4 0 1 1-6.8 0 3.4 3.4 0 0 1 6.8 0M13.3 13l3.4 3.5" />
    </svg>
  );
}
