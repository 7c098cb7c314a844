// The answer as it comes, its reasoning apart from it, and what it took.
import { load, TabseekError } from '/tabseek.js';

const show = (id, text) => (document.getElementById(id).textContent = text);
const append = (id, text) => document.getElementById(id).append(text);

try {
  const engine = await load('/models/pocket', {
    onProgress: ({ phase, loaded, total }) => show('progress', total ? `${phase}: ${Math.round((100 * loaded) / total)} %` : phase),
  });
  const stream = await engine.chat.completions.create({
    messages: [{ role: 'user', content: 'Use 3, 7 and 25 to make 46.' }],
    temperature: 0,
    stream: true,
  });
  for await (const { choices, usage, stats } of stream) {
    append('thinking', choices[0].delta.reasoning_content ?? '');
    append('answer', choices[0].delta.content ?? '');
    if (stats) show('progress', `${usage.completion_tokens} tokens, ${(usage.completion_tokens / stats.decode_seconds).toFixed(1)} a second`);
  }
} catch (error) {
  if (!(error instanceof TabseekError)) throw error;
  show('progress', `${error.code}: ${error.message}`); // no_webgpu, download_failed, out_of_memory, …
}
