// The page /bench: what kernels take is shown beside the device's limits, can be saved, and one product can be timed by a script.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browsers, launch, serve } from './support.mjs';

const byID = (id) => `[data-testid="${id}"]`;

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, browser, page;
    const errors = [];

    before(async () => {
      server = await serve();
      browser = await launch(name);
      page = await browser.newPage();
      page.on('pageerror', (e) => errors.push(e.message));
      await page.goto(`${server.address}/bench`);
      await page.waitForSelector(`${byID('run')}:enabled`, { timeout: 120_000 });
    });
    after(async () => {
      await browser?.close();
      server?.stop();
    });

    test('a step of decoding is measured', async () => {
      await page.click(byID('run'));
      await page.waitForSelector(byID('save'), { timeout: 120_000 });
      const kernels = await page.$$eval(byID('kernel'), (rows) => rows.map((r) => r.innerText.split('\t')));
      assert.ok(kernels.length > 8);
      for (const kernel of ['matvec', 'mla_decode', 'expert_gate_up', 'sample']) assert.ok(kernels.some((k) => k[0] === kernel), kernel);
      assert.ok(kernels.every((k) => k.length === 7 && !k.join().includes('NaN')));
      assert.match(await page.$eval(byID('summary'), (e) => e.innerText), /reads [\d.,]+ GB\/s and computes [\d.,]+ GFLOP\/s at most/);
    });

    test('a product is timed for a script, and a shape that is none is refused', async () => {
      const [milliseconds, refusal] = await page.evaluate(async () => [
        await window.tabseekBench({ rows: 512, columns: 256, format: 'q4_0', batch: 2 }),
        await window.tabseekBench({ rows: 512, columns: 256, format: 'q9' }).then(() => 'timed', (e) => [e.code, e.fields.param]),
      ]);
      assert.ok(milliseconds >= 0 && milliseconds < 10_000);
      assert.deepEqual(refusal, ['bad_request', 'measure.format']);
    });

    test('the page threw nothing', () => assert.deepEqual(errors, []));
  });
}
