// Several samples of one question, and a vote among them, seen while it goes on. Seeds make it repeatable.
import { load } from '/tabseek.js';

const engine = await load('/models/pocket');
const progress = document.getElementById('progress');
progress.textContent = 'Thinking four times …';
const stream = await engine.chat.completions.create({
  messages: [{ role: 'user', content: '23 * 7' }],
  strategy: { mode: 'vote', n: 4, stop: 'none' },
  seed: 1,
  temperature: 0.8,
  stream: true,
});

for await (const { lane, tally, tabseek } of stream) {
  if (lane?.finish) {
    const item = document.createElement('li');
    item.textContent = lane.answer ?? '?';
    document.getElementById('samples').append(item);
  }
  if (tally?.groups.length) progress.textContent = `${tally.groups[0].count} of ${tally.ended} agree`;
  if (tabseek) document.getElementById('answer').textContent = tabseek.answer ?? 'no majority';
}
