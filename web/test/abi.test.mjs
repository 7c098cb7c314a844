// The page's decoder of the wire format, on the stream that Go wrote: see wasm/abi/gen.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { bindingType, decode, Guest } from './built/host.js';
import { root } from './support.mjs';

const stream = new Uint8Array(readFileSync(path.join(root, 'testdata/abi/stream.bin')));
const described = JSON.parse(readFileSync(path.join(root, 'testdata/abi/stream.json'), 'utf8'));

/** A frame as JSON describes it: bytes and floats as lists. */
const plain = (frame) => JSON.parse(JSON.stringify(frame, (_, v) => (ArrayBuffer.isView(v) ? [...v] : v)));

/** A stream of u32. */
const words = (...list) => new Uint8Array(new Uint32Array(list).buffer);

describe('the wire format', () => {
  test('every frame of the golden stream', () => {
    const frames = decode(stream);
    assert.deepEqual(frames.map(plain), described);
    assert.ok(frames.find((f) => f.op === 'write').data instanceof Uint8Array);
    assert.ok(frames.find((f) => f.op === 'logits').values instanceof Float32Array);
  });

  test('a stream that lies inside a larger memory', () => {
    const memory = new Uint8Array(stream.length + 12).fill(0xee);
    memory.set(stream, 5); // not aligned either
    assert.deepEqual(decode(memory.subarray(5, 5 + stream.length)).map(plain), described);
  });

  test('frames outlive the memory they were read from', () => {
    const memory = stream.slice();
    const frames = decode(memory);
    memory.fill(0);
    assert.deepEqual(frames.map(plain), described);
  });

  test('nothing', () => assert.deepEqual(decode(new Uint8Array()), []));

  for (const [name, bytes] of Object.entries({
    'half a head': words(7),
    'a byte too many': new Uint8Array([...words(7, 0), 0]),
    'a payload past the end': words(8, 100, 0),
    'a payload past all numbers': words(8, 0xffffffff, 0),
    'a payload that is too short': words(1, 4, 0),
    'a payload that is too long': words(7, 4, 0),
    'an unknown opcode': words(99, 0),
    'text past its payload': words(1, 20, 0, 0, 4, 0, 0xffffffff),
    'a list longer than its payload': words(6, 8, 0xffffffff, 0),
    'an event that is not JSON': words(8, 4, 0x78787878),
  })) {
    test(`refuses ${name}`, () => assert.throws(() => decode(bytes)));
  }

  test('every cut of the golden stream is refused, or ends between two frames', () => {
    let whole = 0;
    for (let n = 0; n < stream.length; n++) {
      let frames;
      try {
        frames = decode(stream.subarray(0, n));
      } catch {
        continue;
      }
      assert.deepEqual(frames.map(plain), described.slice(0, whole++));
    }
    assert.equal(whole, described.length);
  });

  test('a guest of another wire is refused', async () => {
    const other = readFileSync(path.join(root, 'testdata/abi/other.wasm')).toString('base64');
    await assert.rejects(Guest.open(new URL(`data:application/wasm;base64,${other}`)), /the guest speaks version \d+ of the wire.*not of the same build/);
  });

  test('accesses', () => assert.deepEqual([0, 1, 2].map(bindingType), ['uniform', 'read-only-storage', 'storage']));
});
