// ngram depth=3
const DEPTH: u32 = 3u;
// Drafts of what follows a sequence's last token: what followed the last place where the same three tokens stand, or else the
// same two, in the sequence itself or in another one of its group, which may have ended; or else the last token again. Then the sequence's 1 + DEPTH rows move on by
// what was accepted.
//
// One workgroup does one sequence. A place is kept as 1 + its distance from the beginning of the first sequence, those of longer
// matches above all others: the greatest wins.

struct Params {
  sequences: u32,  // that there are, in the step or not
  capacity: u32,   // positions from one sequence's tokens to the next
  passes: u32,     // words from one sequence's passes to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> accepted: array<u32>;              // (sequences of the step)
@group(0) @binding(2) var<storage, read> drafting: array<vec2<u32>>;        // (sequences of the step): sequence, position before its last token
@group(0) @binding(3) var<storage, read_write> rows: array<vec2<u32>>;      // (sequences of the step, 1 + DEPTH): sequence, position
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;          // (sequences, capacity)
@group(0) @binding(5) var<storage, read> groups: array<u32>;                // (sequences): those of one number may read each other
@group(0) @binding(6) var<storage, read> passes: array<u32>;                // (sequences, passes): the first word is the place of its last token

const LONG: u32 = 0x80000000u;

var<workgroup> best: atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let n = group.x;
  let sequence = drafting[n].x;
  let own = sequence * params.capacity;
  let last = drafting[n].y + 1u;  // of the sequence's tokens
  for (var m = 0u; m < params.sequences && last >= 1u; m++) {
    if (groups[m] != groups[sequence]) {
      continue;
    }
    let base = m * params.capacity;
    let end = passes[m * params.passes];  // the place must have a token after it
    for (var i = 1u + thread; i < end; i += 64u) {
      if (tokens[base + i] == tokens[own + last] && tokens[base + i - 1u] == tokens[own + last - 1u]) {
        let long = i >= 2u && last >= 2u && tokens[base + i - 2u] == tokens[own + last - 2u];
        atomicMax(&best, (m * params.capacity + i + 1u) | select(0u, LONG, long));
      }
    }
  }
  workgroupBarrier();
  let place = atomicLoad(&best) & ~LONG;
  let j = thread + 1u;
  if (j <= DEPTH && last + j < params.capacity) {
    var draft = tokens[own + last];  // where nothing is found: not what another text has left there
    if (place > 0u) {
      let m = (place - 1u) / params.capacity;
      let i = (place - 1u) % params.capacity;
      if (i + j <= passes[m * params.passes]) {
        draft = tokens[m * params.capacity + i + j];
      }
    }
    tokens[own + last + j] = draft;
  }
  if (thread <= DEPTH) {
    rows[n * (1u + DEPTH) + thread].y += accepted[n];
  }
}

