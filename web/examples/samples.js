// Several samples of one question, and a vote among them. Seeds make it repeatable.
import { load } from '/tabseek.js';

const engine = await load('/models/pocket');
document.getElementById('progress').textContent = 'Thinking four times …';
const { choices } = await engine.chat.completions.create({
  messages: [{ role: 'user', content: '23 * 7' }],
  n: 4,
  seed: 1,
  temperature: 0.8,
});

const answers = choices.map(({ message }) => message.content.match(/\\boxed\{(.*?)\}/)?.[1] ?? '?');
for (const answer of answers) {
  const item = document.createElement('li');
  item.textContent = answer;
  document.getElementById('samples').append(item);
}
const votes = Map.groupBy(answers, (answer) => answer);
const [winner, voters] = [...votes].sort((a, b) => b[1].length - a[1].length)[0];
document.getElementById('progress').textContent = `${voters.length} of ${answers.length} agree`;
document.getElementById('answer').textContent = winner;
