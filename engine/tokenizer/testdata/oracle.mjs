// Encodes texts with npm's @huggingface/tokenizers: { tokenizer, texts } on stdin, lists of ids on stdout.
// usage: node oracle.mjs NODE_MODULES
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const { Tokenizer } = createRequire(resolve(process.argv[2], 'x.js'))('@huggingface/tokenizers');
const { tokenizer, texts } = JSON.parse(readFileSync(0, 'utf8'));
const t = new Tokenizer(tokenizer, {});
console.log(JSON.stringify(texts.map((text) => Array.from(t.encode(text, { add_special_tokens: false }).ids))));
