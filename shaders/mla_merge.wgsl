// The splits of latent attention together, and out of latent space: y[r, h] = W_UV[h] o, o = (sum of splits) / (sum of weights).
// Splits are merged in order, each scaled to the common maximum.
//
// Workgroup x is a head, y a row of the step: it merges the head's latent output into workgroup memory, then multiplies.
// LANES threads share ROWS outputs.

struct Params {
  heads: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> partial_sums: array<f32>;  // (rows, SPLITS, heads, 2 + KV_LORA_RANK)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // (rows, heads x V_HEAD_DIM)

var<workgroup> counts_for: array<f32, SPLITS>;          // what the sums of each split are scaled by
var<workgroup> merged: array<vec4<f32>, MERGED>;   // KV_LORA_RANK elements, then zeros up to a whole block

// What one thread finds of a split: its maximum, scaled to that of all.
fn weigh(at: u32, stride: u32, splits: u32, thread: u32) {
  var largest = NOTHING;
  for (var s = 0u; s < splits; s++) {
    largest = max(largest, partial_sums[at + s * stride]);
  }
  for (var s = thread; s < splits; s += THREADS) {
    counts_for[s] = exp(partial_sums[at + s * stride] - largest);
  }
}

// Element i of the merged sums, not yet divided.
fn element(at: u32, stride: u32, splits: u32, i: u32) -> f32 {
  var sum = 0.0;
  if (i < KV_LORA_RANK) {
    for (var s = 0u; s < splits; s++) {
      sum += counts_for[s] * partial_sums[at + s * stride + 2u + i];
    }
  }
  return sum;
}

fn merged_block(block: u32) -> Block {
  let i = 8u * block;
  return Block(merged[i], merged[i + 1u], merged[i + 2u], merged[i + 3u], merged[i + 4u], merged[i + 5u], merged[i + 6u], merged[i + 7u]);
}

fn write(to: u32, output: u32, value: f32) {
  if (output < V_HEAD_DIM) {
    y[to + output] = value;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let row = group.y;
  let splits = splits_used(positions[row * (3u + QK_ROPE_HEAD_DIM) + 1u]);
  let stride = params.heads * (2u + KV_LORA_RANK);  // from split to split
  let at = (row * SPLITS * params.heads + head) * (2u + KV_LORA_RANK);
  weigh(at, stride, splits, thread);
  workgroupBarrier();

  var total = 0.0;
  for (var s = 0u; s < splits; s++) {
    total += counts_for[s] * partial_sums[at + s * stride + 1u];
  }
  for (var i = thread; i < MERGED; i += THREADS) {
    let e = 4u * i;
    merged[i] = vec4<f32>(
      element(at, stride, splits, e), element(at, stride, splits, e + 1u), element(at, stride, splits, e + 2u), element(at, stride, splits, e + 3u),
    ) / total;
  }
  workgroupBarrier();

  let to = row * params.y_stride + head * V_HEAD_DIM;
  for (var first = 0u; first < V_HEAD_DIM; first += ROWS_HERE) {
    let output = first + thread / LANES;
    var sum = vec4<f32>(0.0);
    for (var block = thread % LANES; block < BLOCKS; block += LANES) {
      sum += dot_rows(load_rows(head, output, block, V_HEAD_DIM, BLOCKS), factor(merged_block(block)));
    }
    sum = over_lanes(first / ROWS_HERE % 2u, sum, thread);  // two slots in turn: one barrier is enough
    if (thread % LANES == 0u) {
      write(to, output, sum.x);
      if (ROWS > 1u) {
        write(to, output + ROW_STEP, sum.y);
      }
      if (ROWS > 2u) {
        write(to, output + 2u * ROW_STEP, sum.z);
        write(to, output + 3u * ROW_STEP, sum.w);
      }
    }
  }
}
