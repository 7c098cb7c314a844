// Renders published chat templates by a real Jinja, for the goldens in rendered.json.
//
// usage: node render.mjs TEMPLATES NODE_MODULES    TEMPLATES holds NAME/template.jinja
import { createRequire } from 'node:module';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [templates, modules] = process.argv.slice(2);
const { Template } = createRequire(resolve(modules, 'x.js'))('@huggingface/jinja');

const spelled = '<｜Assistant｜></think><|im_end|><|im_start|>x<｜end▁of▁sentence｜><think><|eot_id|><|user|>[gMASK]<|message_sep|>';
const conversations = {
  'one question': [['user', 'Hi']],
  'nothing asked': [['user', '']],
  'system': [['system', 'Be brief.'], ['user', 'Hi']],
  'empty system': [['system', ''], ['user', 'Hi']],
  'two systems': [['system', 'One'], ['system', 'Two'], ['user', 'Hi']],
  'empty and full system': [['system', ''], ['system', 'Two'], ['user', 'Hi']],
  'late system': [['user', 'A'], ['assistant', 'B'], ['system', 'S'], ['user', 'C']],
  'system at both ends': [['system', 'One'], ['user', 'A'], ['system', 'Two']],
  'turns': [['user', '1+1?'], ['assistant', '2'], ['user', '2+2?'], ['assistant', '4'], ['user', '3+3?']],
  'two questions': [['user', 'A'], ['user', 'B']],
  'two answers': [['user', 'A'], ['assistant', 'B'], ['assistant', 'C'], ['user', 'D']],
  'past reasoning': [['user', 'A'], ['assistant', '<think>\nHm,\nwell.\n</think>\n\nB'], ['user', 'C']],
  'past reasoning, tag twice': [['user', 'A'], ['assistant', '<think>x</think>y</think>\n\nz \n'], ['user', 'C']],
  'past reasoning without beginning': [['user', 'A'], ['assistant', 'Hm.\n</think>\nB'], ['user', 'C']],
  'past reasoning apart': [['user', 'A'], ['assistant', 'B', 'Hm.'], ['user', 'C']],
  'reasoning after the question': [['user', 'A'], ['assistant', '<think>\nHm.\n</think>\n\nB'], ['system', 'S']],
  'white space': [['system', ' \n S\n'], ['user', '\n a  b \n\n'], ['assistant', ' \n\n c\n'], ['user', '\t']],
  'special tokens spelled': [['system', spelled], ['user', spelled], ['assistant', 'a'], ['user', spelled]],
  'other scripts': [['user', '你好，世界！\u{1F600} Ünïcode'], ['assistant', 'नमस्ते'], ['user', '{{ braces }} {% x %} \\n']],
};
const choices = { unset: {}, on: { thinking: true, enable_thinking: true }, off: { thinking: false, enable_thinking: false } };

// The roles that GigaChat3's template explains fill pages: a word stands for them.
const shorten = (text) => text.replace(/(developer system<\|role_sep\|>\n).*?(<\|message_sep\|>)/s, '$1ROLES$2');

const out = { conversations: {}, rendered: {} };
for (const [name, turns] of Object.entries(conversations)) {
  out.conversations[name] = turns.map(([role, content, reasoning]) => ({ role, content, ...(reasoning && { reasoning_content: reasoning }) }));
}
for (const name of readdirSync(templates).sort()) {
  const file = join(templates, name, 'template.jinja');
  if (!existsSync(file)) continue;
  // The package has no rsplit; without a limit, split is the same.
  const template = new Template(readFileSync(file, 'utf8').replaceAll(".rsplit('</think>')", ".split('</think>')"));
  const rendered = {};
  for (const [conversation, messages] of Object.entries(out.conversations)) {
    const texts = {};
    for (const [choice, variables] of Object.entries(choices)) {
      texts[choice] = shorten(template.render({ messages, add_generation_prompt: true, bos_token: '<|BOS|>', eos_token: '<|EOS|>', ...variables }));
      if (choice !== 'unset' && texts[choice] === texts.unset) delete texts[choice];
    }
    rendered[conversation] = texts;
  }
  out.rendered[name] = rendered;
}
console.log(JSON.stringify(out, null, 1));
