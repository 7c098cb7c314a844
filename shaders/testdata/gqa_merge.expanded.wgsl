// gqa_merge head_dim=64 splits=3 tile=16 threads=32
const HEAD_DIM: u32 = 64u;
const SPLITS: u32 = 3u;
const TILE: u32 = 16u;
const THREADS: u32 = 32u;
// Below every score: WGSL does not promise infinities.
const NOTHING: f32 = -3.0e38;

// How the positions 0 .. position of a sequence are shared out among at most SPLITS workgroups, in whole tiles of TILE
// cached rows: an early position makes few splits, and those beyond them nothing.

// Positions of a split; the last one may have fewer.
fn split_share(position: u32) -> u32 {
  let tiles = position / TILE + 1u;
  return (tiles + SPLITS - 1u) / SPLITS * TILE;
}

fn splits_used(position: u32) -> u32 {
  return position / split_share(position) + 1u;
}

// The splits of grouped-query attention together: y[r, h] = (sum of splits) / (sum of weights), each split scaled to the common
// maximum. Splits are merged in order. Workgroup x is a head, y a row of the step.

struct Params {
  heads: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> partial_sums: array<f32>;  // (rows, SPLITS, heads, 2 + HEAD_DIM)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // (rows, heads x HEAD_DIM)

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let row = group.y;
  let splits = splits_used(positions[row * (3u + HEAD_DIM) + 1u]);
  let stride = params.heads * (2u + HEAD_DIM);  // from split to split
  let at = (row * SPLITS * params.heads + head) * (2u + HEAD_DIM);
  var largest = NOTHING;
  for (var s = 0u; s < splits; s++) {
    largest = max(largest, partial_sums[at + s * stride]);
  }
  for (var i = thread; i < HEAD_DIM; i += THREADS) {
    var sum = 0.0;
    var total = 0.0;
    for (var s = 0u; s < splits; s++) {
      let weight = exp(partial_sums[at + s * stride] - largest);
      sum += weight * partial_sums[at + s * stride + 2u + i];
      total += weight * partial_sums[at + s * stride + 1u];
    }
    y[row * params.y_stride + head * HEAD_DIM + i] = sum / total;
  }
}

