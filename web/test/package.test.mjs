// What others build on: the npm package, installed into an empty project, type-checked and bundled, and the examples as they
// are served. With the real engine, in one browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { launch, root, serve } from './support.mjs';

const source = path.join(root, 'web/dist/package');

describe('firefox', () => {
  let browser;
  before(async () => (browser = await launch('firefox')));
  after(async () => browser?.close());

  describe('the package', () => {
    let project, installed;
    before(() => {
      project = mkdtempSync(path.join(tmpdir(), 'tabseek-project-'));
      writeFileSync(path.join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
      execFileSync('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--install-links', source], { cwd: project, stdio: 'pipe' });
      installed = path.join(project, 'node_modules/tabseek');
    });
    after(() => project && rmSync(project, { recursive: true }));

    test('is small, and depends on nothing', () => {
      assert.deepEqual(readdirSync(path.join(project, 'node_modules')).filter((n) => !n.startsWith('.')), ['tabseek']);
      const files = readdirSync(installed, { recursive: true }).filter((f) => statSync(path.join(installed, f)).isFile());
      const bytes = files.reduce((sum, f) => sum + statSync(path.join(installed, f)).size, 0);
      const others = files.filter((f) => !f.startsWith('types')); // which have a file for each module
      assert.ok(bytes < 10e6 && others.length < 8, `${bytes} bytes, ${others}`);
    });

    test('has types', () => {
      writeFileSync(
        path.join(project, 'typed.ts'),
        `import { load, TabseekError, type Engine } from 'tabseek';
         export async function ask(engine: Engine, content: string): Promise<string> {
           const { choices } = await engine.chat.completions.create({ messages: [{ role: 'user', content }] });
           return choices[0]!.message.content;
         }
         export const engine: Promise<Engine> = load('/model', { workerURL: '/worker.js', wasmURL: '/engine.wasm' });
         export const code = (e: TabseekError): string => e.code;
         // @ts-expect-error a parameter that is not there
         void engine.then((e) => e.chat.completions.create({ messages: [], temprature: 1 }));`,
      );
      const tsc = path.join(root, 'web/node_modules/.bin/tsc');
      execFileSync(tsc, ['--noEmit', '--strict', '--target', 'ES2022', '--module', 'ESNext', '--moduleResolution', 'Bundler', '--lib', 'ES2023,DOM,DOM.Iterable,DOM.AsyncIterable', '--types', '', 'typed.ts'], { cwd: project, stdio: 'pipe' });
    });

    test('answers out of a bundle, its worker and engine lying elsewhere', async () => {
      writeFileSync(
        path.join(project, 'main.js'),
        `import { load } from 'tabseek';
         const engine = await load('/pocket', { workerURL: '/assets/worker.js', wasmURL: '/assets/engine.wasm' });
         const { choices } = await engine.chat.completions.create({ messages: [{ role: 'user', content: '9 + 8' }], temperature: 0 });
         document.title = choices[0].message.content;`,
      );
      const bundled = await build({ entryPoints: [path.join(project, 'main.js')], bundle: true, format: 'esm', minify: true, write: false, logLevel: 'silent' });
      cpSync(path.join(root, 'web/dist/models/pocket'), path.join(project, 'pocket'), { recursive: true });
      const types = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json', '.html': 'text/html' };
      const page = '<!doctype html><title>waiting</title><script type="module" src="/main.js"></script>';
      const server = createServer(({ url }, response) => {
        const file = url.startsWith('/assets/') ? path.join(installed, path.basename(url)) : path.join(project, url);
        response.setHeader('content-type', types[path.extname(url)] ?? (url === '/' ? 'text/html' : 'application/octet-stream'));
        if (url === '/') return response.end(page);
        if (url === '/main.js') return response.end(bundled.outputFiles[0].contents);
        response.statusCode = existsSync(file) ? 200 : 404;
        response.end(existsSync(file) ? readFileSync(file) : '');
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const tab = await browser.newPage();
        await tab.goto(`http://127.0.0.1:${server.address().port}/`);
        await tab.waitForFunction(() => document.title !== 'waiting', { timeout: 60_000 });
        assert.match(await tab.title(), /\b17\b/);
        await tab.close();
      } finally {
        server.close();
      }
    });
  });

  describe('the examples', () => {
    let server, page;
    before(async () => {
      server = await serve();
      page = await browser.newPage();
    });
    after(() => server?.stop());
    const open = (name) => page.goto(`${server.address}/examples/${name}.html`);
    const shows = (selector, text) => page.waitForFunction((s, t) => new RegExp(t).test(document.querySelector(s)?.textContent), { timeout: 60_000 }, selector, text);

    test('hello', async () => {
      await open('hello');
      await shows('#answer', '132');
    });
    test('streaming', async () => {
      await open('streaming');
      await shows('#progress', '\\d tokens, \\d+\\.\\d a second');
      assert.match(await page.$eval('#thinking', (e) => e.textContent), /\d/);
      assert.match(await page.$eval('#answer', (e) => e.textContent), /boxed/);
    });
    test('samples', async () => {
      await open('samples');
      await shows('#answer', '\\d');
      assert.equal((await page.$$('#samples li')).length, 4);
    });
    test('own-ui', async () => {
      await open('own-ui');
      await page.waitForSelector('#question:enabled', { timeout: 60_000 });
      await page.type('#question', '9 + 8');
      await page.keyboard.press('Enter');
      await shows('.answer', '17');
      await page.waitForSelector('#question:enabled', { timeout: 60_000 });
    });
  });
});
