// Colours code away from the main thread.

import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import lua from 'highlight.js/lib/languages/lua';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import r from 'highlight.js/lib/languages/r';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { LANGUAGES, type HighlightReply, type HighlightRequest, type Span } from './languages';

const grammars = { bash, c, cpp, csharp, css, diff, go, java, javascript, json, kotlin, lua, markdown, php, python, r, ruby, rust, sql, swift, typescript, xml, yaml };
for (const [name, grammar] of Object.entries(grammars)) hljs.registerLanguage(name, grammar);

/** highlight.js's tree of what it found. */
interface Scope {
  scope?: string;
  children: (Scope | string)[];
}

/** The outermost scopes with a colour, in order. */
function spansOf(root: Scope): Span[] {
  const spans: Span[] = [];
  let at = 0;
  const walk = (node: Scope | string, inside: boolean) => {
    if (typeof node === 'string') return void (at += node.length);
    const kind = node.scope && !node.scope.startsWith('language:') ? node.scope.split('.')[0]! : undefined;
    // What is put into a string has its own colours.
    const coloured = !inside && kind !== undefined && kind !== 'subst';
    const start = at;
    for (const child of node.children) walk(child, inside || coloured);
    if (coloured && at > start) spans.push({ start, end: at, kind });
  };
  walk(root, false);
  return spans;
}

onmessage = ({ data: { id, code, language } }: MessageEvent<HighlightRequest>) => {
  const { _emitter } = hljs.highlight(code, { language: LANGUAGES.get(language)!, ignoreIllegals: true });
  postMessage({ id, spans: spansOf((_emitter as unknown as { root: Scope }).root) } satisfies HighlightReply);
};
