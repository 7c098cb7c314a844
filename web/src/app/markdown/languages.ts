// What the page and its highlighting worker say to each other.

export interface HighlightRequest {
  id: number;
  code: string;
  language: string;
}

/** A part of the code, by UTF-16 units, that has a colour. */
export interface Span {
  start: number;
  end: number;
  /** keyword, string, comment, …: style sheets know it as hl-keyword */
  kind: string;
}

export interface HighlightReply {
  id: number;
  spans: Span[];
}

/** The names by which code blocks call the languages that can be coloured, with the name of the grammar. */
export const LANGUAGES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    bash: 'bash sh shell zsh console', c: 'c h', cpp: 'cpp c++ cc hpp', csharp: 'csharp cs c#', css: 'css', diff: 'diff patch', go: 'go golang', java: 'java',
    javascript: 'javascript js jsx mjs', json: 'json jsonc', kotlin: 'kotlin kt', lua: 'lua', markdown: 'markdown md', php: 'php', python: 'python py python3',
    r: 'r', ruby: 'ruby rb', rust: 'rust rs', sql: 'sql', swift: 'swift', typescript: 'typescript ts tsx', xml: 'xml html svg vue', yaml: 'yaml yml',
  }).flatMap(([grammar, names]) => names.split(' ').map((name): [string, string] => [name, grammar])),
);
