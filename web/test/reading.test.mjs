// What a model writes is shown as it is meant, while it comes and afterwards, and can do no harm. A stand-in answers in
// place of the engine. In both browsers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveFake } from './fake.mjs';
import { browsers, launch, screenshot, serve } from './support.mjs';

const byID = (id) => `[data-testid="${id}"]`;

const lesson = `Euler: \\(e^{i\\pi} + 1 = 0\\), and $x_1^2$ too.

$$
\\int_0^1 x^2\\,dx = \\frac{1}{3}
$$

\\[ \\boxed{\\frac{3}{4}} \\]

Apples cost $5 and pears $10, so $15 in all; \`$x$\` is code.

| a | b |
|--:|---|
| 1 | 2 |

\`\`\`python
def square(x):
    # a comment
    return x ** 2  # "not a string"
\`\`\`

- one
- two

3*7=21, and the answer is \\boxed{21}.`;

/** What a hostile model or file might say. None of it may run, load anything, or become more than text and links. */
const attacks = [
  '<img src=x onerror="harmed()">',
  '<script>harmed()</script>',
  '<svg onload=harmed()><script>harmed()</script></svg>',
  '[click](javascript:harmed())',
  '[click](JaVaScRiPt:harmed())',
  '[click](data:text/html,<script>harmed()</script>)',
  '[click](vbscript:harmed())',
  '<a href="javascript:harmed()">click</a>',
  '![image](https://elsewhere.test/spy.png)',
  '![image][ref]\n\n[ref]: https://elsewhere.test/spy.png',
  '<iframe src="https://elsewhere.test/"></iframe>',
  '<link rel=stylesheet href=https://elsewhere.test/x.css><style>@import "https://elsewhere.test/y.css"</style>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=harmed()&gt;">',
  '$\\href{javascript:harmed()}{x}$ $\\url{javascript:harmed()}$ $\\includegraphics{https://elsewhere.test/x.png}$',
  '$\\htmlClass{a}{x}$ $\\htmlData{onclick=harmed()}{x}$ $\\html@mathml{<img src=x onerror=harmed()>}{x}$',
  '$\\def\\a{\\a\\a}\\a$',
  '```"><img src=x onerror=harmed()>\ncode\n```',
  '```html\n<img src=x onerror=harmed()></code></pre><script>harmed()</script>\n```',
  '<form action=https://elsewhere.test/><button autofocus onfocus=harmed()>x</button></form>',
  '<details open ontoggle=harmed()>x</details>',
  '<div id="prompt" data-testid="answer" class="failure">x</div>',
  '\\boxed{<img src=x onerror=harmed()>}',
  '\\boxed{\\text{<img src=x onerror=harmed()>}}',
  '<base href="https://elsewhere.test/">',
  '[x](https://elsewhere.test/ "onmouseover=harmed()")',
];

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page;
    const foreign = [];
    const problems = [];
    before(async () => {
      server = await serve();
      proxy = await serveFake(server.address, { pace: 1 });
      browser = await launch(name);
      page = await browser.newPage();
      await page.setViewport({ width: 1100, height: 1100 });
      page.on('request', (r) => r.url().startsWith('http') && new URL(r.url()).origin !== proxy.address && foreign.push(r.url()));
      page.on('pageerror', (e) => problems.push(e.message));
      page.on('console', (m) => m.type() === 'error' && problems.push(m.text()));
      await page.evaluateOnNewDocument(() => (globalThis.harmed = () => (globalThis.harm = (globalThis.harm ?? 0) + 1)));
      await page.goto(proxy.address);
      await state('ready');
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
    });
    const state = (wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 120_000, polling: 20 }, wanted);
    const until = (test, ...values) => page.waitForFunction(test, { timeout: 120_000, polling: 20 }, ...values);
    const say = async (text) => {
      const n = (await page.$$(byID('answer'))).length;
      await page.$eval(
        byID('prompt'),
        (area, text) => {
          area.value = text;
          area.dispatchEvent(new InputEvent('input', { bubbles: true }));
        },
        `say ${text}`,
      );
      await page.focus(byID('prompt'));
      await page.keyboard.press('Enter');
      await until((n) => document.querySelectorAll('[data-testid="answer"]').length > n, n);
      await state('ready');
    };

    test('Markdown, TeX, money and code', async () => {
      await say(lesson);
      await until(() => document.querySelectorAll('[data-testid="answer"] math').length === 4 && document.querySelector('.hl-keyword'));
      const seen = await page.$eval(byID('answer'), (e) => ({
        maths: [...e.querySelectorAll('annotation')].map((a) => a.textContent),
        display: e.querySelectorAll('math[display="block"]').length,
        text: e.textContent,
        marks: [...e.querySelectorAll('mark')].map((m) => m.textContent),
        words: [...e.querySelectorAll('.hl-keyword')].map((s) => s.textContent),
        comments: [...e.querySelectorAll('.hl-comment')].map((s) => s.textContent),
        aligned: e.querySelector('th').getAttribute('align'),
        items: e.querySelectorAll('li').length,
      }));
      assert.deepEqual(seen.maths, ['e^{i\\pi} + 1 = 0', 'x_1^2', '\\int_0^1 x^2\\,dx = \\frac{1}{3}', '\\boxed{\\frac{3}{4}}']);
      assert.equal(seen.display, 2);
      assert.match(seen.text, /Apples cost \$5 and pears \$10, so \$15 in all; \$x\$ is code/);
      assert.match(seen.text, /3\*7=21/);
      assert.deepEqual(seen.marks, ['21']);
      assert.deepEqual(seen.words, ['def', 'return']);
      assert.deepEqual(seen.comments, ['# a comment', '# "not a string"']);
      assert.equal(seen.aligned, 'right');
      assert.equal(seen.items, 2);
      await screenshot(page, `${name}-reading`);
    });

    test('what is streamed looks like what is read again', async () => {
      const look = () => page.$eval(`${byID('answer')} .markdown`, (e) => e.innerHTML);
      const streamed = await look();
      await page.reload();
      await until(() => document.querySelectorAll('[data-testid="answer"] math').length === 4 && document.querySelector('.hl-keyword'));
      assert.equal(await look(), streamed);
    });

    test('only the last block changes while an answer grows', async () => {
      await page.click(byID('new-chat'));
      await page.evaluate(() => {
        globalThis.torn = [];
        new MutationObserver((records) => {
          for (const r of records) for (const n of r.removedNodes) if (n.parentElement === null && n.nodeType === 1 && n.firstElementChild?.tagName === 'H3') globalThis.torn.push(n.textContent);
        }).observe(document.querySelector('main'), { subtree: true, childList: true });
      });
      await say(Array.from({ length: 40 }, (_, i) => `### Part ${i}, whole\n\nSome words of part ${i}.`).join('\n\n'));
      assert.equal(await page.$$eval('[data-testid="answer"] h3', (all) => all.length), 40);
      const torn = await page.evaluate(() => globalThis.torn);
      // A heading is replaced while it is the last block and its own text comes in.
      assert.deepEqual(torn.filter((heading) => heading.endsWith('whole')), [], 'no finished heading is replaced');
    });

    test('hostile answers do no harm', async () => {
      await page.click(byID('new-chat'));
      problems.length = 0;
      await say(attacks.join('\n\n'));
      for (const attack of attacks.slice(0, 8)) await say(attack);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const seen = await page.evaluate(() => {
        const inside = [...document.querySelectorAll('[data-testid="answer"] *')];
        return {
          harm: globalThis.harm ?? 0,
          tags: [...new Set(inside.map((e) => e.localName))],
          handlers: inside.flatMap((e) => e.getAttributeNames()).filter((n) => n.startsWith('on') || n === 'style' || n === 'id' || n === 'src'),
          links: [...document.querySelectorAll('[data-testid="answer"] a')].map((a) => new URL(a.href).protocol),
        };
      });
      assert.equal(seen.harm, 0);
      assert.deepEqual(seen.handlers, []);
      assert.deepEqual(seen.tags.filter((t) => ['img', 'script', 'svg', 'iframe', 'link', 'style', 'form', 'base', 'details', 'object', 'embed'].includes(t)), []);
      assert.deepEqual(seen.links.filter((p) => p !== 'https:'), []);
      assert.deepEqual(foreign, []);
      assert.deepEqual(problems, []);
      await screenshot(page, `${name}-attacks`);
    });

    test('texts made to hang a page are shown in bounded time', async () => {
      for (const text of ['> '.repeat(5000), Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i)}- x`).join('\n').slice(0, 400_000), 'x'.repeat(1_000_000), '*a '.repeat(30_000), '$'.repeat(20_000), '`'.repeat(20_000), '['.repeat(20_000)]) {
        await page.click(byID('new-chat'));
        const began = Date.now();
        await page.evaluate((text) => (globalThis.fakeWhole = text), text);
        await say('whole');
        const took = Date.now() - began;
        assert.ok(took < 10_000, `${text.slice(0, 10)}… took ${took} ms`);
      }
    });

    test('a paste of 5 MB is refused with the limit, and stays where it is', async () => {
      await page.click(byID('new-chat'));
      await page.$eval(byID('prompt'), (area) => {
        area.value = 'lorem ipsum dolor '.repeat(300_000).slice(0, 5e6);
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      });
      await page.focus(byID('prompt'));
      await page.keyboard.press('Enter');
      await page.waitForSelector(`${byID('failure')}[data-code="context_full"]`, { timeout: 20_000 });
      assert.match(await page.$eval(byID('failure'), (e) => e.innerText), /2,097,152/);
      assert.equal(await page.$eval(byID('prompt'), (e) => e.value.length), 5e6);
      await page.click(byID('new-chat'));
      await state('ready');
      await page.$eval(byID('prompt'), (area) => {
        area.value = '';
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      });
    });
  });
}
