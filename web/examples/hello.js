// One question, one answer.
import { load } from '/tabseek.js';

const engine = await load('/models/pocket');
const completion = await engine.chat.completions.create({
  messages: [{ role: 'user', content: 'What is 47 + 85?' }],
  temperature: 0,
});
document.getElementById('answer').textContent = completion.choices[0].message.content;
await engine.unload();
