// The public API against the golden checkpoints, in both browsers: logits and drafts within 2e-3 by prefill and by decode,
// and the same greedy tokens.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { browsers, goldens, launch, needs, packGoldens, profile, readGolden, serve } from './support.mjs';

const there = Object.keys(goldens).filter((name) => existsSync(goldens[name]));

/** Largest difference of rows from a golden file. */
function worst(rows, golden, width) {
  assert.equal(rows.length * width, golden.length);
  let largest = 0;
  rows.forEach((row, r) => {
    assert.equal(row.length, width);
    row.forEach((v, i) => (largest = Math.max(largest, Number.isNaN(v) ? Infinity : Math.abs(v - golden[r * width + i]))));
  });
  return largest;
}

/** Runs in the page: everything asked of one model. */
async function run(url, tokens, drafts, profile) {
  const { load } = await import('/tabseek.js');
  const engine = await load(url, { profile });
  const out = {};
  for (const mode of ['prefill', 'decode']) {
    const { rows, drafts: draft } = await engine.logits(tokens, { mode, draft: drafts });
    out[mode] = { rows: rows.map((r) => [...r]), draft: draft.map((r) => [...r]) };
  }
  out.greedy = (await engine.generate(tokens, { temperature: 0, max_tokens: 16 })).tokens;
  await engine.unload();
  return out;
}

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let models, server, browser, page;
    before(async () => {
      models = packGoldens(there.map(readGolden));
      server = await serve('--models', models.folder);
      browser = await launch(name);
      page = await browser.newPage();
      await page.goto(`${server.address}/healthz`); // a page of the origin, without the chat
    });
    after(async () => {
      await browser?.close();
      server?.stop();
      models?.remove();
    });
    for (const model of Object.keys(goldens)) {
      test(model, needs('fixtures', there.includes(model)), async () => {
        const f = readGolden(model);
        const got = await page.evaluate(run, `/models/${f.name}`, f.tokens, Boolean(f.draft), profile);
        for (const mode of ['prefill', 'decode']) {
          assert.ok(worst(got[mode].rows, f.logits, f.vocab) <= 2e-3, `logits by ${mode}`);
          if (f.draft) assert.ok(worst(got[mode].draft, f.draft, f.vocab) <= 2e-3, `drafts by ${mode}`);
        }
        const end = f.greedy.indexOf(f.eos);
        assert.deepEqual(got.greedy, end < 0 ? f.greedy : f.greedy.slice(0, end));
      });
    }
  });
}
