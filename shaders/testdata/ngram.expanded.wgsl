// ngram depth=3
const DEPTH: u32 = 3u;
// Drafts of what follows a sequence's last token: what followed the last place where the same three tokens stand, or else the
// same two, in the sequence itself or in another one of the step. Then the sequence's 1 + DEPTH rows move on by what was
// accepted.
//
// One workgroup does one sequence. A place is kept as 1 + its distance from the beginning of the first sequence, those of longer
// matches above all others: the greatest wins.

struct Params {
  sequences: u32,  // of the step
  capacity: u32,   // positions from one sequence's tokens to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> accepted: array<u32>;              // (sequences of the step)
@group(0) @binding(2) var<storage, read> drafting: array<vec2<u32>>;        // (sequences of the step): sequence, position before its last token
@group(0) @binding(3) var<storage, read_write> rows: array<vec2<u32>>;      // (sequences of the step, 1 + DEPTH): sequence, position
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;          // (sequences, capacity)

const LONG: u32 = 0x80000000u;

var<workgroup> best: atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let n = group.x;
  let own = drafting[n].x * params.capacity;
  let last = drafting[n].y + 1u;  // of the sequence's tokens
  for (var m = 0u; m < params.sequences && last >= 1u; m++) {
    let base = drafting[m].x * params.capacity;
    let end = drafting[m].y + 1u;  // the place must have a token after it
    for (var i = 1u + thread; i < end; i += 64u) {
      if (tokens[base + i] == tokens[own + last] && tokens[base + i - 1u] == tokens[own + last - 1u]) {
        let long = i >= 2u && last >= 2u && tokens[base + i - 2u] == tokens[own + last - 2u];
        atomicMax(&best, (m * params.capacity + i + 1u) | select(0u, LONG, long));
      }
    }
  }
  workgroupBarrier();
  let place = atomicLoad(&best) & ~LONG;
  if (place > 0u) {
    let m = (place - 1u) / params.capacity;
    let base = drafting[m].x * params.capacity;
    let i = (place - 1u) % params.capacity;
    let j = thread + 1u;
    if (j <= DEPTH && i + j <= drafting[m].y + 1u && last + j < params.capacity) {
      tokens[own + last + j] = tokens[base + i + j];
    }
  }
  if (thread <= DEPTH) {
    rows[n * (1u + DEPTH) + thread].y += accepted[n];
  }
}

