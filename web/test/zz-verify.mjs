import { launch, serve } from './support.mjs';
const [name, model] = process.argv.slice(2);
const server = await serve('--models', '/work/tmp-verify/models');
const browser = await launch(name);
try {
  const page = await browser.newPage();
  page.on('console', (m) => console.log('console', m.text()));
  page.setDefaultTimeout(0);
  await page.goto(`${server.address}/healthz`);
  const got = await page.evaluate(async (url) => {
    const t0 = performance.now();
    try {
      const { load } = await import('/tabseek.js');
      const engine = await load(url);
      const t1 = performance.now();
      const out = await engine.generate([1, 2, 3, 4, 5, 6, 7, 8], { max_tokens: 16, temperature: 0 });
      const stats = await engine.stats();
      await engine.unload();
      return { load: t1 - t0, answer: performance.now() - t1, out, stats };
    } catch (e) { return { ms: performance.now() - t0, code: e.code, message: e.message, stack: e.stack }; }
  }, `/models/${model}`);
  console.log(name, model, JSON.stringify(got));
} finally { await browser.close(); server.stop(); }
