// A chat of your own: the conversation is a list of messages, and a signal stops an answer.
import { load } from '/tabseek.js';

const [form, question, send, stop] = ['form', 'question', 'send', 'stop'].map((id) => document.getElementById(id));
const messages = [];
let abort;

function show(text, className) {
  const paragraph = document.createElement('p');
  paragraph.className = className;
  paragraph.textContent = text; // never as HTML: nobody knows what a model says
  document.getElementById('conversation').append(paragraph);
  return paragraph;
}

function setBusy(busy) {
  question.disabled = send.disabled = busy;
  stop.disabled = !busy;
}

const engine = await load('/models/pocket');
setBusy(false);

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  messages.push({ role: 'user', content: question.value });
  show(question.value, 'question');
  question.value = '';
  setBusy(true);
  abort = new AbortController();
  const answer = show('', 'answer');
  const stream = await engine.chat.completions.create({ messages, stream: true, temperature: 0, signal: abort.signal });
  for await (const { choices } of stream) answer.append(choices[0].delta.content ?? '');
  // Reasoning is not part of the conversation: the model does not get to see it again.
  messages.push({ role: 'assistant', content: answer.textContent });
  setBusy(false);
});
stop.addEventListener('click', () => abort.abort());
