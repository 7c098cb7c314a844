// Makes what a draft module drew the draft of its sequence: tokens[position + 2] = drawn, position += 1. With LAST, the
// sequence's 1 + DEPTH rows move on by what was accepted. One thread does one sequence.

struct Params {
  sequences: u32,  // of the step
  capacity: u32,   // positions from one sequence's tokens to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> drawn: array<u32>;
@group(0) @binding(2) var<storage, read> accepted: array<u32>;
@group(0) @binding(3) var<storage, read_write> drafting: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(4) var<storage, read_write> rows: array<vec2<u32>>;      // (sequences of the step, 1 + DEPTH): sequence, position
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;          // (sequences, capacity)

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) n: u32) {
  if (n >= params.sequences) {
    return;
  }
  let at = drafting[n];
  if (at.y + 2u < params.capacity) {
    tokens[at.x * params.capacity + at.y + 2u] = drawn[n];
  }
  drafting[n].y = at.y + 1u;
  if (LAST) {
    for (var i = 0u; i <= DEPTH; i++) {
      rows[n * (1u + DEPTH) + i].y += accepted[n];
    }
  }
}
