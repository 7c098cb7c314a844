/** Between any two buffers lies this word, which no kernel may touch (engine/gpu/gputest). */
const GUARD = 0xdeadbeef;

/** Compares what a kernel left in a buffer with what it should have: undefined, or what is wrong. The tolerance bounds |got - wanted| / (1 + |wanted|). */
export function mismatch(got: Uint8Array, wanted: Uint8Array, exact: boolean, tolerance: number): string | undefined {
  if (got.length !== wanted.length) return `${got.length} bytes, want ${wanted.length}`;
  const [gotWords, wantedWords] = [new Uint32Array(got.buffer), new Uint32Array(wanted.buffer)];
  const [gotFloats, wantedFloats] = [new Float32Array(got.buffer), new Float32Array(wanted.buffer)];
  const wrong = wantedWords.findIndex((word, i) => {
    if (gotWords[i] === word) return false;
    const error = Math.abs(gotFloats[i]! - wantedFloats[i]!) / (1 + Math.abs(wantedFloats[i]!));
    return exact || word === GUARD || !(error <= tolerance);
  });
  if (wrong >= 0) return `word ${wrong} is ${gotWords[wrong]} (${gotFloats[wrong]}), want ${wantedWords[wrong]} (${wantedFloats[wrong]})`;
}
