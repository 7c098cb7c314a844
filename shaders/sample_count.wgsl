// Counts a row's tokens for the penalties, from position 0 to the row's own: how often each is in the answer (the positions from
// answer_start on), and whether it is in the prompt. From there on sample.wgsl counts what it chooses.
//
// One workgroup counts the tokens of one block for one row; a row without penalties is left alone.

struct Params {
  vocab: u32,
  logits_stride: u32,
  capacity: u32,
  ring: u32,
  shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sampling: array<RowSampling>;
@group(0) @binding(2) var<storage, read> rows: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(3) var<storage, read> tokens: array<u32>;      // (sequences, capacity)
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;  // (sequences, vocab)

var<workgroup> found: array<atomic<u32>, BLOCK>;  // of each token of the block: how often the answer has it, and IN_PROMPT

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.y;
  let at = rows[row];
  let s = sampling[at.x].choices;
  if (s.repetition_penalty == 1.0 && s.presence_penalty == 0.0 && s.frequency_penalty == 0.0) {
    return;
  }
  let first = group.x * BLOCK;
  for (var i = thread; i <= at.y; i += THREADS) {
    let place = tokens[at.x * params.capacity + i] - first;  // wraps round below first
    if (place < BLOCK) {
      if (i < s.answer_start) {
        atomicOr(&found[place], IN_PROMPT);
      } else {
        atomicAdd(&found[place], 1u);
      }
    }
  }
  workgroupBarrier();
  for (var i = thread; i < BLOCK && first + i < params.vocab; i += THREADS) {
    counts[at.x * params.vocab + first + i] = atomicLoad(&found[i]);
  }
}
